//! From the files of the metadata directory to the state: the newest snapshot, then the logs.

use std::path::{Path, PathBuf};

use naru_runtime::Disk;

use super::command_log::EntryId;
use super::error::StorageError;
use super::files::{self, IndexedFile};
use super::image::ClusterImage;
use super::log::{self, Contents, LogFile};
use super::snapshot;
use super::state::ClusterState;

/// What a directory holds.
pub(super) struct Replayed<F> {
    pub state: ClusterState,
    pub last: EntryId,
    /// The last log, open at its end; `None` where one must be started, with a snapshot of the
    /// state, because there is none or an older broker wrote what there is.
    pub log: Option<LogFile<F>>,
}

/// What the files say, none of them opened for writing.
struct Read {
    state: ClusterState,
    last: EntryId,
    /// The last log, if there is one.
    newest: Option<(IndexedFile, Contents)>,
    /// An older broker wrote some of it.
    is_old: bool,
}

pub(super) async fn replay<D: Disk>(
    disk: &D,
    directory: &Path,
) -> Result<Replayed<D::File>, StorageError> {
    let read = read(disk, directory).await?;
    let log = match &read.newest {
        Some((file, contents)) if !read.is_old => {
            Some(LogFile::reopen(disk, &file.path, contents).await?)
        }
        _ => None,
    };
    Ok(Replayed {
        state: read.state,
        last: read.last,
        log,
    })
}

/// A metadata directory as a stopped broker has left it.
#[derive(Debug)]
pub struct Inspected {
    pub image: ClusterImage,
    /// The last log, and how many of its bytes the next start cuts off, if it does.
    pub torn: Option<(PathBuf, usize)>,
}

/// Reads the metadata in `directory` without changing it.
pub async fn inspect<D: Disk>(disk: &D, directory: &Path) -> Result<Inspected, StorageError> {
    let read = read(disk, directory).await?;
    let torn = read.newest.filter(|(_, contents)| contents.is_torn());
    let torn = torn.map(|(file, contents)| (file.path, contents.torn_bytes()));
    let image = read.state.image();
    Ok(Inspected { image, torn })
}

async fn read<D: Disk>(disk: &D, directory: &Path) -> Result<Read, StorageError> {
    let mut read = Read {
        state: ClusterState::default(),
        last: EntryId::default(),
        newest: None,
        is_old: false,
    };
    let snapshots = files::indexed_files(disk, directory, snapshot::PREFIX).await?;
    if let Some(newest) = snapshots.last() {
        let snapshot = snapshot::read(disk, &newest.path, newest.index).await?;
        read.last = snapshot.state.last;
        read.state = ClusterState::from_image(snapshot.state.image);
        read.is_old = snapshot.is_old;
    }
    let logs = files::indexed_files(disk, directory, log::PREFIX).await?;
    if logs.is_empty() && read.last.index == 0 {
        return Ok(read);
    }
    for file in needed(directory, &logs, read.last)? {
        if let Some((before, contents)) = &read.newest {
            check_leads_up(before, contents, file)?;
        }
        let contents = log::read(disk, &file.path, file.index).await?;
        read.is_old |= contents.is_old();
        apply(&mut read.state, &mut read.last, &file.path, &contents)?;
        read.newest = Some((file.clone(), contents));
    }
    Ok(read)
}

/// The logs that continue the snapshot. Those that end before it was taken are left over from a
/// crash while tidying up.
fn needed<'a>(
    directory: &Path,
    logs: &'a [IndexedFile],
    last: EntryId,
) -> Result<&'a [IndexedFile], StorageError> {
    let first = logs.iter().rposition(|file| file.index <= last.index + 1);
    let needed = first.and_then(|first| logs.get(first..));
    needed.ok_or_else(|| {
        let path = files::indexed_path(directory, log::PREFIX, last.index + 1);
        StorageError::corrupt(&path, 0, "the file is missing")
    })
}

/// A log is started only after the one before it was flushed whole.
fn check_leads_up(
    before: &IndexedFile,
    contents: &Contents,
    next: &IndexedFile,
) -> Result<(), StorageError> {
    if contents.is_torn() {
        let reason = "the file is cut short, though another follows it";
        return Err(StorageError::corrupt(&before.path, 0, reason));
    }
    let last = contents.frames.last();
    let end = last.map_or(before.index, |frame| frame.entry.index.saturating_add(1));
    if end != next.index {
        let reason = "the log before it does not lead up to it";
        return Err(StorageError::corrupt(&next.path, 0, reason));
    }
    Ok(())
}

/// Carries out what the log holds beyond the state.
fn apply(
    state: &mut ClusterState,
    last: &mut EntryId,
    path: &Path,
    contents: &Contents,
) -> Result<(), StorageError> {
    for frame in &contents.frames {
        if frame.entry.index <= last.index {
            continue;
        }
        for (index, command) in (frame.command_index..).zip(&frame.commands) {
            // A frame of version 1 may begin before a snapshot and end after it; one of version
            // 2 is applied whole or not at all.
            if contents.is_old() && index <= state.index() {
                continue;
            }
            if index != state.index() + 1 {
                let reason = format!(
                    "a command of index {index}, though the one before it is {}",
                    state.index()
                );
                return Err(StorageError::corrupt(path, 0, reason));
            }
            // What was refused then is refused now, and changes nothing.
            let _ = state.apply(index, command);
        }
        *last = frame.entry;
    }
    Ok(())
}
