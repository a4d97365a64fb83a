//! The lock that keeps a second broker out of a metadata directory. It is taken once, before the
//! broker's threads start; a simulated machine has one broker for each directory and needs none.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::error::StorageError;

/// Held as long as the broker runs; released with the process, however it ends.
#[derive(Debug)]
pub struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Makes the directory if need be, and locks it.
    pub fn take(directory: &Path) -> Result<Self, StorageError> {
        fs::create_dir_all(directory).map_err(StorageError::io("create", directory))?;
        let path = directory.join("lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StorageError::io("open", &path))?;
        Self::lock(file, directory, path)
    }

    /// Locks a directory that a broker has made, without making or writing anything.
    pub fn take_existing(directory: &Path) -> Result<Self, StorageError> {
        let path = directory.join("lock");
        let file = File::open(&path).map_err(StorageError::io("open", &path))?;
        Self::lock(file, directory, path)
    }

    fn lock(file: File, directory: &Path, path: PathBuf) -> Result<Self, StorageError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
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
}
