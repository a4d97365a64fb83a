//! Directory reading by plain system calls: no ring has an operation for it.

use std::io;
use std::path::Path;

use super::disk::DirEntry;

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
