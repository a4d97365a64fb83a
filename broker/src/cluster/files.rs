//! The files of the metadata directory by name, and files that appear whole or not at all.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_runtime::{Disk, File, Open};

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

/// Makes the directory if need be, durably, and removes files that were being written when the
/// broker stopped.
pub(super) async fn prepare_directory<D: Disk>(
    disk: &D,
    directory: &Path,
) -> Result<(), StorageError> {
    let made = disk.create_dir_all(directory).await;
    made.map_err(StorageError::io("create", directory))?;
    if let Some(parent) = directory.parent() {
        sync_directory(disk, parent).await?;
    }
    for path in listing(disk, directory).await? {
        if path.to_string_lossy().ends_with(TEMPORARY) {
            let removed = disk.remove_file(&path).await;
            removed.map_err(StorageError::io("remove", &path))?;
        }
    }
    // A rename that the last process did not live to flush is a fact from here on.
    sync_directory(disk, directory).await
}

/// The files of one kind, by index.
pub(super) async fn indexed_files<D: Disk>(
    disk: &D,
    directory: &Path,
    prefix: &str,
) -> Result<Vec<IndexedFile>, StorageError> {
    let listed = listing(disk, directory).await?;
    let mut files: Vec<IndexedFile> = listed
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

async fn listing<D: Disk>(disk: &D, directory: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let entries = disk.list(directory).await;
    let entries = entries.map_err(StorageError::io("list", directory))?;
    Ok(entries.iter().map(|e| directory.join(&e.name)).collect())
}

pub(super) async fn read<D: Disk>(disk: &D, path: &Path) -> Result<Bytes, StorageError> {
    let content = naru_runtime::read_file(disk, path).await;
    content.map_err(StorageError::io("read", path))
}

/// A file written and flushed under a temporary name, to be given its own with
/// [`Prepared::publish`].
pub(super) struct Prepared<F> {
    temporary: PathBuf,
    pub path: PathBuf,
    pub file: F,
    pub bytes: u64,
}

/// Writes `parts` one after the other into a file that is not yet there.
pub(super) async fn prepare<D: Disk>(
    disk: &D,
    path: PathBuf,
    parts: Vec<Bytes>,
) -> Result<Prepared<D::File>, StorageError> {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY);
    let temporary = PathBuf::from(name);
    let bytes = parts.iter().map(|part| part.len() as u64).sum();
    let opened = disk.open(&temporary, Open::BufferedNew).await;
    let file = opened.map_err(StorageError::io("create", &temporary))?;
    let written = file.write_at(0, parts).await;
    written.map_err(StorageError::io("write", &temporary))?;
    let flushed = file.sync_data().await;
    flushed.map_err(StorageError::io("flush", &temporary))?;
    Ok(Prepared {
        temporary,
        path,
        file,
        bytes,
    })
}

impl<F> Prepared<F> {
    /// Gives the file its name, durably.
    pub async fn publish<D: Disk>(&self, disk: &D) -> Result<(), StorageError> {
        let renamed = disk.rename(&self.temporary, &self.path).await;
        renamed.map_err(StorageError::io("rename", &self.path))?;
        match self.path.parent() {
            Some(directory) => sync_directory(disk, directory).await,
            None => Ok(()),
        }
    }
}

/// A new or renamed entry is durable once its directory was flushed.
async fn sync_directory<D: Disk>(disk: &D, directory: &Path) -> Result<(), StorageError> {
    // The parent of a relative path of one part is the empty path.
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let synced = disk.sync_dir(directory).await;
    synced.map_err(StorageError::io("flush", directory))
}
