//! A file of commands: read whole at the start, then appended to; `frame` has its bytes.
//!
//! One frame is one flush. Reading tells a torn tail, which is cut, from corruption, which is an
//! error: after a torn frame there is nothing that checks out.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_runtime::{Disk, File, Open};

use super::error::StorageError;
use super::files;
use super::frame::{self, Frame, HEADER_BYTES, Header, VERSION, VERSION_ARCHIVED};

pub(super) const PREFIX: &str = "log-";

/// A log file open at its end.
#[derive(Debug)]
pub(super) struct LogFile<F> {
    path: PathBuf,
    file: F,
    bytes: u64,
}

/// What a log file holds.
#[derive(Debug)]
pub(super) struct Contents {
    pub version: u32,
    pub frames: Vec<Frame>,
    /// Where the last good frame ends.
    good_bytes: usize,
    /// Where the file ends; more than `good_bytes` if a frame was torn.
    file_bytes: usize,
}

/// Writes a log without entries under a temporary name; [`LogFile::publish`] makes it count.
pub(super) async fn prepare<D: Disk>(
    disk: &D,
    directory: &Path,
    first_index: u64,
) -> Result<files::Prepared<D::File>, StorageError> {
    let path = files::indexed_path(directory, PREFIX, first_index);
    let header = Bytes::copy_from_slice(&frame::header(VERSION, first_index));
    files::prepare(disk, path, vec![header]).await
}

impl<F: File> LogFile<F> {
    /// Gives a log that was prepared its name, durably.
    pub async fn publish<D: Disk<File = F>>(
        disk: &D,
        prepared: files::Prepared<F>,
    ) -> Result<Self, StorageError> {
        prepared.publish(disk).await?;
        Ok(Self {
            path: prepared.path,
            file: prepared.file,
            bytes: prepared.bytes,
        })
    }

    /// Opens a file that [`read`] has read, to append to it; cuts a torn tail.
    pub async fn reopen<D: Disk<File = F>>(
        disk: &D,
        path: &Path,
        contents: &Contents,
    ) -> Result<Self, StorageError> {
        let opened = disk.open(path, Open::Buffered).await;
        let file = opened.map_err(StorageError::io("open", path))?;
        let bytes = contents.good_bytes as u64;
        if contents.is_torn() {
            let cut = file.set_length(bytes).await;
            cut.map_err(StorageError::io("cut", path))?;
        }
        // After a kill, what was read may be in the page cache only, and it is about to be shown
        // to everyone as the state of the cluster.
        let flushed = file.sync_data().await;
        flushed.map_err(StorageError::io("flush", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }

    /// Writes one frame, durably. After an error nothing is known about the file's end, until it is
    /// cut back.
    pub async fn append(&mut self, frame: Bytes) -> Result<(), StorageError> {
        let length = frame.len() as u64;
        let written = self.file.write_durable_at(self.bytes, vec![frame]).await;
        written.map_err(StorageError::io("write", &self.path))?;
        self.bytes += length;
        Ok(())
    }

    /// Takes back what an append has written that found no room, durably.
    pub async fn cut_back(&self) -> Result<(), StorageError> {
        let cut = self.file.set_length(self.bytes).await;
        cut.map_err(StorageError::io("cut", &self.path))?;
        let flushed = self.file.sync_data().await;
        flushed.map_err(StorageError::io("flush", &self.path))
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Contents {
    pub fn is_torn(&self) -> bool {
        self.torn_bytes() > 0
    }

    /// What follows the last good frame, in bytes.
    pub fn torn_bytes(&self) -> usize {
        self.file_bytes - self.good_bytes
    }
}

/// Reads a log file whose name says that it begins with that index.
pub(super) async fn read<D: Disk>(
    disk: &D,
    path: &Path,
    first_index: u64,
) -> Result<Contents, StorageError> {
    let bytes = files::read(disk, path).await?;
    parse(path, &bytes, first_index)
}

pub(super) fn parse(path: &Path, bytes: &[u8], first_index: u64) -> Result<Contents, StorageError> {
    let version = match frame::check_header(bytes, first_index) {
        Header::Good { version } => version,
        Header::Bad(reason) => return Err(StorageError::corrupt(path, 0, reason)),
        Header::NewerVersion { found } => {
            return Err(StorageError::NewerVersion {
                path: path.to_owned(),
                found,
                known: VERSION,
            });
        }
    };
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = HEADER_BYTES;
    let mut expected = first_index;
    while at < bytes.len() {
        let Some(whole) = frame::whole(version, bytes, at, |index| index == expected) else {
            break;
        };
        let frame = whole.decode(version);
        let frame = frame.map_err(|reason| StorageError::unreadable(path, at, reason))?;
        expected = frame.entry.index.saturating_add(1);
        frames.push(frame);
        at = whole.end;
    }
    if let Some(later) = good_frame_after(version, bytes, at, expected) {
        return Err(StorageError::corrupt(
            path,
            at,
            format!("a bad frame, though the one at byte {later} is good"),
        ));
    }
    Ok(Contents {
        version,
        frames,
        good_bytes: at,
        file_bytes: bytes.len(),
    })
}

impl Contents {
    /// Whether this broker would have written the file otherwise.
    pub fn is_old(&self) -> bool {
        self.version == VERSION_ARCHIVED
    }
}

/// The first position after `bad` where a later frame begins.
fn good_frame_after(version: u32, bytes: &[u8], bad: usize, expected: u64) -> Option<usize> {
    // An entry takes more than a byte, so that an index cannot run ahead of the bytes.
    let index_max = expected.saturating_add(bytes.len() as u64);
    let is_later = |index| index > expected && index <= index_max;
    (bad.saturating_add(1)..bytes.len())
        .find(|at| frame::whole(version, bytes, *at, is_later).is_some())
}
