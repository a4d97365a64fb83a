//! The disk under a directory: its file system, its device, and how long a flush takes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use naru_runtime::{Aligned, BLOCK_BYTES};
use nix::fcntl::OFlag;
use nix::sys::stat::{major, minor};

use super::facts::Flushes;

/// How often a flush is measured.
const FLUSHES: usize = 21;

/// A block device, as sysfs shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// `nvme0n1`, `sda`; `None` where no block device is under the directory.
    pub name: Option<String>,
    /// `write back`: it keeps writes in a cache until it is flushed; `write through`: it does not.
    pub write_cache: Option<String>,
    pub is_rotational: Option<bool>,
}

impl Device {
    pub fn of(directory: &Path) -> Self {
        Self::find(directory).unwrap_or_default()
    }

    fn find(directory: &Path) -> Option<Self> {
        let number = fs::metadata(directory).ok()?.dev();
        let link = format!("/sys/dev/block/{}:{}", major(number), minor(number));
        let path = fs::canonicalize(link).ok()?;
        // A partition has no queue of its own: its disk, one up, has.
        let disk = [Some(path.as_path()), path.parent()];
        let disk = disk
            .into_iter()
            .flatten()
            .find(|path| path.join("queue").is_dir())?;
        let queue = |name: &str| {
            let text = fs::read_to_string(disk.join("queue").join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        Some(Self {
            name: Some(disk.file_name()?.to_string_lossy().into_owned()),
            write_cache: queue("write_cache"),
            is_rotational: queue("rotational").map(|text| text == "1"),
        })
    }
}

/// The type of the file system that holds a directory: the mount with the longest path around it.
pub fn file_system(directory: &Path) -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let directory = fs::canonicalize(directory).ok()?;
    mounted(&mounts, &directory)
}

fn mounted(mounts: &str, directory: &Path) -> Option<String> {
    let parsed = mounts.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        // Blanks are written in octal.
        let path = PathBuf::from(words.next()?.replace("\\040", " "));
        Some((path, words.next()?))
    });
    let around = parsed.filter(|(path, _)| directory.starts_with(path));
    // Of two on the same path, the later one is on top.
    let found = around.max_by_key(|(path, _)| path.as_os_str().len())?;
    Some(found.1.to_owned())
}

/// Writes to a file without a name, past the page cache, and flushes it, some times.
pub fn flush_directly(directory: &Path) -> Result<Flushes, String> {
    let unnamed = |flags: OFlag| -> io::Result<File> {
        let flags = OFlag::O_TMPFILE | flags;
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags.bits())
            .open(directory)
    };
    let file = match unnamed(OFlag::O_DIRECT) {
        Ok(file) => file,
        Err(error) => {
            let reason = match unnamed(OFlag::empty()) {
                Ok(_) => "the file system has no direct I/O (O_DIRECT)".to_owned(),
                Err(_) => format!("no file can be made in {}: {error}", directory.display()),
            };
            return Err(reason);
        }
    };
    let mut block = Aligned::new(BLOCK_BYTES);
    block.fill(7);
    let block = block.freeze();
    let mut times = Vec::with_capacity(FLUSHES);
    for _ in 0..FLUSHES {
        let begun = Instant::now();
        let written = file.write_all_at(&block, 0).and_then(|()| file.sync_data());
        written.map_err(|error| format!("a direct write failed: {error}"))?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(Flushes {
        median: times[FLUSHES / 2],
        longest: times[FLUSHES - 1],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /data xfs rw 0 0\n\
                      tmpfs /data/a\\040b tmpfs rw 0 0\n";
        let of = |path: &str| mounted(mounts, Path::new(path)).unwrap();
        assert_eq!(of("/database"), "ext4");
        assert_eq!(of("/data/naru"), "xfs");
        assert_eq!(of("/data/a b/c"), "tmpfs");
    }
}
