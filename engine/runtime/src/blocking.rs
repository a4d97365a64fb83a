//! What is asked by plain system calls: no ring has an operation for it.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::disk::{DirEntry, Space};

/// The names in a directory. A name that is not UTF-8 is none of ours and is left out.
pub(super) fn list(path: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let is_dir = entry.file_type()?.is_dir();
        if let Ok(name) = entry.file_name().into_string() {
            entries.push(DirEntry { name, is_dir });
        }
    }
    Ok(entries)
}

/// `syncfs`: all that was written to the file system that holds `path`.
pub(super) fn sync_file_system(path: &Path) -> io::Result<()> {
    let directory = std::fs::File::open(path)?;
    Ok(nix::unistd::syncfs(directory)?)
}

/// The room of the file system that holds `path`.
pub(super) fn space(path: &Path) -> io::Result<Space> {
    let found = statvfs(path)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
    Ok(Space {
        total_bytes: bytes(found.blocks()),
        usable_bytes: bytes(found.blocks_available()),
    })
}
