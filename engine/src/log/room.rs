//! A full disk, which is a state that ends.
//!
//! When a write finds no room, what was appended and not written is taken back: the offsets
//! are free again, the file is cut to the last batch that is whole, and only then is everyone
//! told who waited. So a batch whose producer was told of an error never becomes visible,
//! neither by a later write nor after a crash. Appends are refused until a probe, which a
//! refused append or retention sets off, finds room.
//!
//! Taken back are whole batches that were never acknowledged. What was written stays.

use std::io;
use std::path::PathBuf;

use super::commit::{Stop, zeros};
use super::state::ActiveSegment;
use super::{Log, LogError};
use crate::segment::segment_path;
use naru_runtime::{BLOCK_BYTES, Env, File};

/// What must fit before appends are taken again, in bytes; it is zeroed space for the next
/// writes, and is never given back.
const PROBE_BYTES: u64 = 64 << 10;

impl<E: Env> Log<E> {
    /// The writer found no room: takes back what it could not write, and refuses appends.
    ///
    /// # Errors
    /// When the file cannot be cut: what is in it is not known then, and the log is closed.
    pub(super) async fn take_back(&self, cause: &io::Error) -> Result<(), LogError> {
        let error = LogError::Full {
            directory: self.0.dir.clone(),
            cause: cause.to_string().into(),
        };
        tracing::warn!("{error}");
        let end = self.state().take_back(error.clone());
        self.0.shared.tails.forget_log(self.0.id);
        self.cut_to_end().await?;
        self.state().taken_back();
        self.0.write_waiters.lost_after(end.next_offset, &error);
        self.0.flush_waiters.lost_after(end.next_offset, &error);
        self.0.file_made.notify_all();
        Ok(())
    }

    /// Cuts the file that is written to the end of the log, durably: a later durable write
    /// would not flush the cut, and what is cut off could be after it again.
    async fn cut_to_end(&self) -> Result<(), LogError> {
        let (file, segment, end) = {
            let state = self.state();
            let segment = state.segments().first_unsealed();
            let Some(segment) = segment.map(ActiveSegment::base_offset) else {
                return Ok(());
            };
            (
                state.segments().file().cloned(),
                segment,
                state.durability().end().place,
            )
        };
        let path = segment_path(&self.0.dir, segment);
        let io = |path: PathBuf| move |cause: io::Error| LogError::io(path, &cause);
        assert!(
            !self.state().segments().is_file_resting(),
            "a log that rests has nothing to be cut"
        );
        let Some(file) = file else {
            // Making the file stopped half way.
            return match self.0.env.remove_file(&path).await {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                    Err(LogError::io(path, &cause))
                }
                _ => Ok(()),
            };
        };
        file.set_length(end.position)
            .await
            .map_err(io(path.clone()))?;
        self.sync(&file).await?;
        let whole = end.position / BLOCK_BYTES as u64 * BLOCK_BYTES as u64;
        let filled = (end.position - whole) as usize;
        let block = file.read_at(whole, BLOCK_BYTES).await;
        let block = block.map_err(io(path.clone()))?;
        if block.len() < filled {
            let cause = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(LogError::io(path, &cause));
        }
        let mut state = self.state();
        state.tail.clear();
        if filled > 0 {
            state.tail.resume(end, &block.slice(..filled));
        }
        Ok(())
    }

    /// Looks whether there is room again, in a task of its own; one such look at a time.
    pub(super) fn probe_for_room(&self) {
        if !self.state().life().is_waiting_for_room() {
            return;
        }
        self.start_writing(async |log| {
            match log.probe().await {
                Ok(()) => {
                    tracing::info!("{} has room again", log.0.dir.display());
                    log.state().found_room();
                    // For what was asked for meanwhile: a new segment, say.
                    log.write_all().await
                }
                Err(Stop::NoRoom(_)) => log.cut_to_end().await,
                Err(Stop::Failed(error)) => Err(error),
            }
        });
    }

    /// Prepares space at the end of the log, in the file that is made first if need be.
    async fn probe(&self) -> Result<(), Stop> {
        if self.state().segments().file().is_none() {
            self.roll_file().await?;
        }
        let (file, end) = {
            let state = self.state();
            let Some(file) = state.segments().file().cloned() else {
                return Ok(());
            };
            (file, state.durability().end().place)
        };
        let from = end.position.next_multiple_of(BLOCK_BYTES as u64);
        let zeroed = file.write_at(from, zeros(PROBE_BYTES)).await;
        zeroed.map_err(|cause| self.not_written(cause))?;
        let prepared_to = from + PROBE_BYTES;
        self.state().segments_mut().space_prepared(prepared_to);
        Ok(())
    }

    /// Where the log ends since appended batches were taken back for want of room: the
    /// smallest such offset since the last call. Their producers were told of an error, and
    /// whatever their user noted of them when they were appended did not happen. To be
    /// asked before each append.
    #[must_use]
    pub fn taken_back(&self) -> Option<i64> {
        self.state().take_notice_of_taken_back()
    }
}
