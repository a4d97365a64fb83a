//! The segment that a cleaning writes.

use std::io;
use std::path::PathBuf;

use naru_record_batch::BatchHeader;
use naru_runtime::{BLOCK_BYTES, Disk, File, Open};

use super::key_file::aligned;
use super::{CleanError, Pace};
use crate::index::{AbortedTransaction, Index, SegmentIndex};

/// Bytes that are written at a time.
const CHUNK_BYTES: usize = 1 << 20;

pub(super) struct Output<F> {
    file: F,
    path: PathBuf,
    /// What is written, whole blocks, in bytes; the rest is in `chunk`.
    written: u64,
    chunk: Vec<u8>,
    index: SegmentIndex,
}

impl<F: File> Output<F> {
    /// Makes the file; one that an earlier attempt has left is replaced.
    pub async fn create<D: Disk<File = F>>(
        disk: &D,
        path: PathBuf,
        base_offset: i64,
    ) -> Result<Self, CleanError> {
        match disk.remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(CleanError::io(path)(error));
            }
            _ => {}
        }
        let made = disk.open(&path, Open::DirectNew).await;
        let file = made.map_err(CleanError::io(&path))?;
        Ok(Self {
            file,
            path,
            written: 0,
            chunk: Vec::new(),
            index: SegmentIndex {
                index: Index::default(),
                segment_bytes: 0,
                max_timestamp_ms: i64::MIN,
                next_offset: base_offset,
                aborted_count: 0,
            },
        })
    }

    pub async fn push(
        &mut self,
        header: &BatchHeader,
        batch: &[u8],
        pace: &impl Pace,
    ) -> Result<(), CleanError> {
        let index = &mut self.index;
        let position = index.segment_bytes;
        index.index.note(header, position, index.max_timestamp_ms);
        index.max_timestamp_ms = index.max_timestamp_ms.max(header.max_timestamp_ms);
        index.segment_bytes += batch.len() as u64;
        index.next_offset = header.next_offset();
        self.chunk.extend_from_slice(batch);
        if self.chunk.len() >= CHUNK_BYTES {
            let whole = self.chunk.len() / BLOCK_BYTES * BLOCK_BYTES;
            self.write(whole, pace).await?;
        }
        Ok(())
    }

    /// Notes that the last batch, a marker, has aborted this transaction.
    pub fn note_aborted(&mut self, transaction: AbortedTransaction) {
        self.index.index.note_aborted(transaction);
        self.index.aborted_count += 1;
    }

    async fn write(&mut self, length: usize, pace: &impl Pace) -> Result<(), CleanError> {
        let bytes = aligned(&self.chunk[..length]);
        let written = self.file.write_at(self.written, vec![bytes]).await;
        written.map_err(CleanError::io(&self.path))?;
        self.written += length as u64;
        self.chunk.drain(..length);
        pace.moved(length as u64).await
    }

    /// Writes what is left, and flushes it all.
    pub async fn finish(mut self, pace: &impl Pace) -> Result<SegmentIndex, CleanError> {
        if !self.chunk.is_empty() {
            let padded = self.chunk.len().next_multiple_of(BLOCK_BYTES);
            self.chunk.resize(padded, 0);
            self.write(padded, pace).await?;
        }
        let cut = self.file.set_length(self.index.segment_bytes).await;
        cut.map_err(CleanError::io(&self.path))?;
        let flushed = self.file.sync_data().await;
        flushed.map_err(CleanError::io(&self.path))?;
        Ok(self.index)
    }
}
