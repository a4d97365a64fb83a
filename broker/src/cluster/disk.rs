//! The metadata directory: its lock, its files by name, and files that appear whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::StorageError;

const TEMPORARY: &str = ".tmp";

/// A file whose name is a prefix and an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexedFile {
    pub index: u64,
    pub path: PathBuf,
}

/// The path of a file of that kind; zeros in front let a listing sort by index.
pub(super) fn indexed_path(directory: &Path, prefix: &str, index: u64) -> PathBuf {
    directory.join(format!("{prefix}{index:020}"))
}

/// Makes the directory if need be and locks it; the lock lasts as long as the file is open.
pub(super) fn open_directory(directory: &Path) -> Result<File, StorageError> {
    fs::create_dir_all(directory).map_err(StorageError::io("create", directory))?;
    if let Some(parent) = directory.parent() {
        sync_directory(parent)?;
    }
    let path = directory.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(StorageError::io("open", &path))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StorageError::Locked {
            path: directory.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(StorageError::Io {
            action: "lock",
            path,
            source,
        }),
    }
}

/// Removes files that were being written when the broker stopped.
pub(super) fn remove_temporaries(directory: &Path) -> Result<(), StorageError> {
    for path in listing(directory)? {
        if path.to_string_lossy().ends_with(TEMPORARY) {
            fs::remove_file(&path).map_err(StorageError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The files of one kind, by index.
pub(super) fn indexed_files(
    directory: &Path,
    prefix: &str,
) -> Result<Vec<IndexedFile>, StorageError> {
    let mut files: Vec<IndexedFile> = listing(directory)?
        .into_iter()
        .filter_map(|path| {
            let digits = path.file_name()?.to_str()?.strip_prefix(prefix)?;
            let index = digits.parse().ok().filter(|_| digits.len() == 20)?;
            Some(IndexedFile { index, path })
        })
        .collect();
    files.sort();
    Ok(files)
}

fn listing(directory: &Path) -> Result<Vec<PathBuf>, StorageError> {
    fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
        .map_err(StorageError::io("list", directory))
}

/// A file written and flushed under a temporary name, to be given its own with
/// [`Prepared::publish`].
#[derive(Debug)]
pub(super) struct Prepared {
    temporary: PathBuf,
    path: PathBuf,
    file: File,
}

/// Writes `parts` one after the other into a file that is not yet there.
pub(super) fn prepare(path: PathBuf, parts: &[&[u8]]) -> Result<Prepared, StorageError> {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    let temporary = PathBuf::from(name);
    let mut file = File::create(&temporary).map_err(StorageError::io("create", &temporary))?;
    for part in parts {
        file.write_all(part)
            .map_err(StorageError::io("write", &temporary))?;
    }
    file.sync_all()
        .map_err(StorageError::io("flush", &temporary))?;
    Ok(Prepared {
        temporary,
        path,
        file,
    })
}

impl Prepared {
    /// Gives the file its name, durably, and hands it over, positioned behind what was written.
    pub fn publish(self) -> Result<File, StorageError> {
        fs::rename(&self.temporary, &self.path).map_err(StorageError::io("rename", &self.path))?;
        if let Some(directory) = self.path.parent() {
            sync_directory(directory)?;
        }
        Ok(self.file)
    }
}

/// A new or renamed entry is durable once its directory was flushed.
pub(super) fn sync_directory(directory: &Path) -> Result<(), StorageError> {
    // The parent of a relative path of one part is the empty path.
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(StorageError::io("flush", directory))
}
