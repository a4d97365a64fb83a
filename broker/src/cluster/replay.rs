//! From the files of the metadata directory to the state: the newest snapshot, then the logs.

use std::path::Path;

use naru_runtime::Disk;

use super::command_log::EntryId;
use super::error::StorageError;
use super::files::{self, IndexedFile};
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

pub(super) async fn replay<D: Disk>(
    disk: &D,
    directory: &Path,
) -> Result<Replayed<D::File>, StorageError> {
    let mut last = EntryId::default();
    let mut state = ClusterState::default();
    let mut is_old = false;
    let snapshots = files::indexed_files(disk, directory, snapshot::PREFIX).await?;
    if let Some(newest) = snapshots.last() {
        let snapshot = snapshot::read(disk, &newest.path, newest.index).await?;
        last = snapshot.state.last;
        state = ClusterState::from_image(snapshot.state.image);
        is_old = snapshot.is_old;
    }
    let logs = files::indexed_files(disk, directory, log::PREFIX).await?;
    if logs.is_empty() && last.index == 0 {
        return Ok(Replayed {
            state,
            last,
            log: None,
        });
    }
    let mut newest: Option<(&IndexedFile, Contents)> = None;
    for file in needed(directory, &logs, last)? {
        if let Some((before, contents)) = &newest {
            check_leads_up(before, contents, file)?;
        }
        let contents = log::read(disk, &file.path, file.index).await?;
        is_old |= contents.is_old();
        apply(&mut state, &mut last, &file.path, &contents)?;
        newest = Some((file, contents));
    }
    let log = match &newest {
        Some((file, contents)) if !is_old => {
            Some(LogFile::reopen(disk, &file.path, contents).await?)
        }
        _ => None,
    };
    Ok(Replayed { state, last, log })
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
