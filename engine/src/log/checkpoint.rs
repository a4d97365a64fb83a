//! Moving the recovery point, and closing.

use bytes::Bytes;

use super::{Log, LogError};
use crate::io::{BLOCK_BYTES, Env, File};
use crate::recovery::Checkpoint;

impl<E: Env> Log<E> {
    /// Moves the recovery point to the end of the log as it is now; `owner` is what the
    /// owner wants back, and belongs to exactly that end. Flushes up to there first.
    pub async fn checkpoint(&self, owner: Bytes) -> Result<(), LogError> {
        self.write_checkpoint(owner, false).await
    }

    async fn write_checkpoint(&self, owner: Bytes, is_clean: bool) -> Result<(), LogError> {
        let checkpoint = {
            let state = self.state();
            if !state.has_directory && state.begun.is_empty() {
                return Ok(());
            }
            let last = state.begun.back();
            Checkpoint {
                start_offset: state.start_offset,
                segment: last.map_or(state.end_offset, |s| s.base_offset),
                position: last.map_or(0, |s| s.position),
                next_offset: state.end_offset,
                max_timestamp_ms: last.map_or(i64::MIN, |s| s.max_timestamp_ms),
                segment_created_ms: last.map_or(0, |s| s.created_ms),
                epochs: state.epochs.clone(),
                index: last.map_or(Vec::new(), |s| s.index.entries().to_vec()),
                owner: owner.to_vec(),
                is_clean,
            }
        };
        self.flushed(checkpoint.next_offset).await?;
        let written = checkpoint.write(&self.0.env, &self.0.dir).await;
        written.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))
    }

    /// Flushes what was appended, gives back the space ahead of the tail, and leaves a
    /// checkpoint that spares recovery all reading. Nothing can be appended afterwards.
    pub async fn close(&self, owner: Bytes) -> Result<(), LogError> {
        let end = self.end_offset();
        self.flushed(end).await?;
        let tail = {
            let state = self.state();
            state
                .file
                .clone()
                .zip(state.begun.back().map(|s| s.position))
        };
        if let Some((file, position)) = tail {
            let cut = async {
                let length = position.next_multiple_of(BLOCK_BYTES as u64);
                if file.length().await? > length {
                    file.set_length(length).await?;
                }
                std::io::Result::Ok(())
            };
            let cut = cut.await;
            cut.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
            self.sync(&file).await?;
        }
        self.write_checkpoint(owner, true).await?;
        self.state().failure.get_or_insert(LogError::Closed {
            directory: self.0.dir.clone(),
        });
        Ok(())
    }

    /// Ends a log that is being deleted: what is not written will not be, and everyone who
    /// waits is told.
    pub fn abandon(&self) {
        self.end(LogError::Closed {
            directory: self.0.dir.clone(),
        });
    }
}
