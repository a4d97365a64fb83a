//! Moving the recovery point, and closing.

use std::future::Future;

use bytes::Bytes;

use super::state::{ActiveSegment, Directory};
use super::{Log, LogError};
use crate::recovery::Checkpoint;
use naru_runtime::{BLOCK_BYTES, Env, File};

impl<E: Env> Log<E> {
    /// Moves the recovery point to the end of the log as it is now. `user_state` is what the user
    /// of the log wants back, and belongs to exactly that end. Flushes up to there first. If the
    /// log is cut meanwhile, the recovery point stays where it is.
    pub async fn checkpoint(&self, user_state: Bytes) -> Result<(), LogError> {
        self.write_checkpoint(user_state, false).await
    }

    async fn write_checkpoint(&self, user_state: Bytes, is_clean: bool) -> Result<(), LogError> {
        let _lease = self.lease()?;
        let (mut checkpoint, debt_bytes, cuts) = {
            let state = self.state();
            let Some(last) = state.segments().active() else {
                // Nothing was ever appended.
                return Ok(());
            };
            let checkpoint = Checkpoint {
                start_offset: state.start_offset(),
                segment: last.base_offset(),
                position: last.position(),
                next_offset: state.end_offset(),
                max_timestamp_ms: last.max_timestamp_ms(),
                segment_created_ms: last.created_ms(),
                epochs: state.segments().epochs().to_vec(),
                index: last.index().entries().to_vec(),
                aborted: last.index().aborted().to_vec(),
                user_state: user_state.to_vec(),
                is_clean,
            };
            let debt_bytes = state.durability().recovery_debt_bytes();
            (checkpoint, debt_bytes, state.readers.cuts())
        };
        self.flushed(checkpoint.next_offset).await?;
        self.has_segment(checkpoint.segment).await?;
        let _only = self.0.checkpointing.acquire(1).await;
        self.check()?;
        if self.state().readers.cuts() != cuts {
            // The end that it names may lie within a batch by now, or after the last one.
            return Ok(());
        }
        checkpoint.start_offset = self.start_offset();
        self.replace_checkpoint(&checkpoint).await?;
        self.state().durability_mut().recovery_debt_paid(debt_bytes);
        Ok(())
    }

    /// Waits until a segment's file is made and its name is durable. A new segment without a
    /// record has none yet when all that was appended is flushed. A log without a segment never
    /// had a record, and makes no file.
    pub(super) async fn has_segment(&self, segment: i64) -> Result<(), LogError> {
        self.start_writer();
        loop {
            let is_made = {
                let state = self.state();
                let segments = state.segments();
                let first = segments.first_unsealed().map(ActiveSegment::base_offset);
                first.is_none_or(|first| first > segment)
                    || segments.file_segment() == Some(segment)
            };
            if is_made {
                return Ok(());
            }
            self.check()?;
            if let Some(error) = self.state().life().full() {
                return Err(error.clone());
            }
            self.0.file_made.wait().await;
        }
    }

    pub(super) async fn replace_checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        self.0.shared.fence.check()?;
        let write = async || checkpoint.write(&self.0.env, &self.0.dir).await;
        let written = self.with_descriptors(write).await;
        written.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
        self.state().checkpointed = Some(checkpoint.segment);
        Ok(())
    }

    /// Makes the start of the log durable: in the last checkpoint, whose other parts stay,
    /// or in one that says nothing else.
    pub(super) async fn keep_start(&self) -> Result<(), LogError> {
        // Before there is a directory nothing is flushed, and no start but 0 to be kept. A file
        // that is put there now would be taken for that of another log.
        if self.state().segments().directory() != Directory::Whole {
            return Ok(());
        }
        let active = self
            .state()
            .segments()
            .active()
            .map(ActiveSegment::base_offset);
        let Some(active) = active else {
            return Ok(());
        };
        let _lease = self.lease()?;
        let _only = self.0.checkpointing.acquire(1).await;
        self.check()?;
        let known = Checkpoint::read(&self.0.env, &self.0.dir).await;
        let known = known.map_err(|cause| LogError::io(self.0.dir.clone(), &cause))?;
        let mut checkpoint = match known {
            Some(known) => known,
            None => self.checkpoint_of_segment(active).await?,
        };
        checkpoint.start_offset = self.start_offset();
        self.replace_checkpoint(&checkpoint).await
    }

    /// Flushes what was appended, gives back the space ahead of the tail, and leaves a
    /// checkpoint that spares recovery all reading. Appends are refused from the moment that
    /// this is called: what came later would be acknowledged, and cut.
    ///
    /// # Errors
    /// When that is not possible. The log is closed all the same; the next start reads more.
    pub async fn close(&self, user_state: Bytes) -> Result<(), LogError> {
        self.check()?;
        {
            let mut state = self.state();
            if state.life().is_closing() {
                return Err(self.closed());
            }
            state.closing();
        }
        // The end that `user_state` belongs to. If some batches were taken back, the state would
        // speak of batches that are not there.
        let all = self.flushed(self.end_offset());
        let closed = self.close_files(user_state, all).await;
        self.end(closed.clone().err().unwrap_or_else(|| self.closed()));
        self.forget_reads();
        closed
    }

    async fn close_files(
        &self,
        user_state: Bytes,
        all: impl Future<Output = Result<(), LogError>>,
    ) -> Result<(), LogError> {
        self.end_cleaning();
        let _lease = self.lease()?;
        let _cleaning = self.0.cleaning.acquire(1).await;
        // What is removed under way is removed before the log is closed, and nothing after.
        let _removing = self.0.removing.acquire(1).await;
        all.await?;
        self.come_to_rest().await?;
        self.reopen_file().await?;
        let tail = {
            let state = self.state();
            let segments = state.segments();
            let position = segments.first_unsealed().map(ActiveSegment::position);
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
        self.write_checkpoint(user_state, true).await
    }

    /// Ends a log at once: what is not written will not be, and everyone who waits is told.
    /// What is under way may still reach the directory; see [`Log::retire`].
    pub fn abandon(&self) {
        self.end_cleaning();
        self.end(self.closed());
        self.forget_reads();
    }
}
