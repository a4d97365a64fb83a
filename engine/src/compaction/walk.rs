//! A segment's file, batch by batch, each checked against its checksum and its place.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_record_batch::{BatchHeader, HEADER_BYTES, crc_is_valid};
use naru_runtime::{Disk, File, Open};

use super::{CleanError, Pace};
use crate::recovery::Window;

/// A batch that is whole.
pub(super) struct Walked {
    pub header: BatchHeader,
    /// All of it.
    pub bytes: Bytes,
}

impl Walked {
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(HEADER_BYTES..)
    }
}

/// Reads a file that is whole: anything that is no batch is damage.
pub(super) struct Walk<F> {
    path: PathBuf,
    window: Window<F>,
    size_bytes: u64,
    position: u64,
    next_offset: i64,
}

impl<F: File> Walk<F> {
    /// From the beginning of a segment whose first possible offset is `base_offset`.
    pub async fn open<D: Disk<File = F>>(
        disk: &D,
        path: &Path,
        size_bytes: u64,
        base_offset: i64,
    ) -> Result<Self, CleanError> {
        let opened = disk.open(path, Open::Direct).await;
        let file = opened.map_err(CleanError::io(path))?;
        Ok(Self {
            path: path.to_owned(),
            window: Window::new(file, size_bytes),
            size_bytes,
            position: 0,
            next_offset: base_offset,
        })
    }

    /// The offset after the last batch that was given.
    pub fn next_offset(&self) -> i64 {
        self.next_offset
    }

    pub fn is_at_end(&self) -> bool {
        self.position == self.size_bytes
    }

    pub fn damaged(&self) -> CleanError {
        CleanError::Damaged {
            path: self.path.clone(),
            position: self.position,
        }
    }

    /// The next batch; `None` at the end of the file.
    pub async fn next(&mut self, pace: &impl Pace) -> Result<Option<Walked>, CleanError> {
        if self.is_at_end() {
            return Ok(None);
        }
        let position = self.position;
        let io = CleanError::io(&self.path);
        let head = self.window.bytes(position, HEADER_BYTES as u64).await;
        let header = BatchHeader::parse(&head.map_err(io)?).map_err(|_| self.damaged())?;
        let size = header.size_bytes() as u64;
        let is_next = header.base_offset >= self.next_offset && header.last_offset_delta >= 0;
        if size > self.size_bytes - position || !is_next {
            return Err(self.damaged());
        }
        let io = CleanError::io(&self.path);
        let bytes = self.window.bytes(position, size).await.map_err(io)?;
        if !crc_is_valid(&bytes) {
            return Err(self.damaged());
        }
        pace.moved(size).await?;
        self.position += size;
        self.next_offset = header.next_offset();
        Ok(Some(Walked { header, bytes }))
    }
}
