//! Moving the recovery point, and closing.

use bytes::Bytes;

use super::state::ActiveSegment;
use super::{Log, LogError};
use crate::recovery::Checkpoint;
use naru_runtime::{BLOCK_BYTES, Env, File};

impl<E: Env> Log<E> {
    /// Moves the recovery point to the end of the log as it is now; `owner` is what the
    /// owner wants back, and belongs to exactly that end. Flushes up to there first.
    pub async fn checkpoint(&self, owner: Bytes) -> Result<(), LogError> {
        self.write_checkpoint(owner, false).await
    }

    async fn write_checkpoint(&self, owner: Bytes, is_clean: bool) -> Result<(), LogError> {
        let mut checkpoint = {
            let state = self.state();
            let Some(last) = state.segments().active() else {
                // Nothing was ever appended.
                return Ok(());
            };
            Checkpoint {
                start_offset: state.start_offset(),
                segment: last.base_offset(),
                position: last.position(),
                next_offset: state.end_offset(),
                max_timestamp_ms: last.max_timestamp_ms(),
                segment_created_ms: last.created_ms(),
                epochs: state.segments().epochs().to_vec(),
                index: last.index().entries().to_vec(),
                owner: owner.to_vec(),
                is_clean,
            }
        };
        self.flushed(checkpoint.next_offset).await?;
        self.has_segment(checkpoint.segment).await?;
        let _only = self.0.checkpointing.acquire(1).await;
        checkpoint.start_offset = self.start_offset();
        self.replace_checkpoint(&checkpoint).await
    }

    /// Waits until a segment's file is made and its name is durable. A segment that was
    /// begun without a record has none yet when all that was appended is flushed.
    pub(super) async fn has_segment(&self, segment: i64) -> Result<(), LogError> {
        self.start_writer();
        loop {
            let is_made = {
                let state = self.state();
                let segments = state.segments();
                let first = segments.first_unsealed().map(ActiveSegment::base_offset);
                first > Some(segment) || segments.file_segment() == Some(segment)
            };
            if is_made {
                return Ok(());
            }
            self.check()?;
            self.0.written.wait().await;
        }
    }

    pub(super) async fn replace_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        self.0.shared.fence.check()?;
        let written = checkpoint.write(&self.0.env, &self.0.dir).await;
        written.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))
    }

    /// Makes the start of the log durable: in the last checkpoint, whose other parts stay,
    /// or in one that says nothing else.
    pub(super) async fn keep_start(&self) -> Result<(), LogError> {
        let Some(first) = self.first_segment() else {
            return Ok(());
        };
        let _only = self.0.checkpointing.acquire(1).await;
        let known = Checkpoint::read(&self.0.env, &self.0.dir).await;
        let known = known.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
        let mut checkpoint = known.unwrap_or_else(|| Checkpoint::of_start(first));
        checkpoint.start_offset = self.start_offset();
        self.replace_checkpoint(&checkpoint).await
    }

    /// The base offset of the oldest segment.
    pub(super) fn first_segment(&self) -> Option<i64> {
        self.state().segments().base_offsets().next()
    }

    /// Flushes what was appended, gives back the space ahead of the tail, and leaves a
    /// checkpoint that spares recovery all reading. Nothing can be appended afterwards.
    pub async fn close(&self, owner: Bytes) -> Result<(), LogError> {
        let end = self.end_offset();
        self.flushed(end).await?;
        let tail = {
            let state = self.state();
            let segments = state.segments();
            let position = segments.active().map(ActiveSegment::position);
            segments.file().cloned().zip(position)
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
        self.state().durability_mut().failed(LogError::Closed {
            directory: self.0.dir.clone(),
        });
        self.forget_reads();
        Ok(())
    }

    /// Ends a log that is being deleted: what is not written will not be, and everyone who
    /// waits is told.
    pub fn abandon(&self) {
        self.end(LogError::Closed {
            directory: self.0.dir.clone(),
        });
        self.forget_reads();
    }
}
