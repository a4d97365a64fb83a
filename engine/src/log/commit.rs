//! Group commit: the writer puts on the disk what has gathered, one write at a time. What is
//! small and waited for is durable with its write; the rest is the flusher's part
//! (`flush.rs`). While either works, the next group gathers. Neither exists while there is
//! nothing to do.

use std::io;

use bytes::Bytes;

use super::place::Place;
use super::state::State;
use super::{Log, LogError};
use crate::segment::Ahead;
use naru_runtime::{Aligned, BLOCK_BYTES, Env, File};

/// The most that one write takes, in bytes: above it latency grows and throughput does not.
const WRITE_BYTES_MAX: u64 = 8 << 20;

/// Up to this a write is made durable by itself, in one operation; a larger one is flushed while
/// the next is written, in bytes. See docs/PERFORMANCE.md.
const DURABLE_WRITE_BYTES_MAX: u64 = 256 << 10;

/// Why the writer stops before all is written.
pub(super) enum Stop {
    /// There is no room for it, now.
    NoRoom(io::Error),
    /// It will never be.
    Failed(LogError),
}

impl From<LogError> for Stop {
    fn from(error: LogError) -> Self {
        Self::Failed(error)
    }
}

/// What the writer does next.
enum Work<F> {
    Write(Write<F>),
    /// Open the file of the first unsealed segment again.
    Reopen,
    /// Seal the first unsealed segment if it has a file, and make the file of the next.
    Roll,
}

/// Write `data` at `position` of the file; that takes the log to `end`.
struct Write<F> {
    file: F,
    ahead: Option<Ahead>,
    position: u64,
    data: Vec<Bytes>,
    end: Place,
    is_durable: bool,
}

impl<E: Env> Log<E> {
    /// Starts the writer, unless it runs, or the log takes no more writes.
    pub(super) fn start_writer(&self) {
        if !self.state().life().may_write() {
            return;
        }
        self.start_writing(async |log| log.write_all().await);
    }

    /// Runs `work` in a task, unless the writer, or another such work, runs already: one at a
    /// time has the file that is written.
    pub(super) fn start_writing(
        &self,
        work: impl AsyncFnOnce(&Self) -> Result<(), LogError> + 'static,
    ) {
        let Ok(lease) = self.lease() else { return };
        if self.state().durability_mut().start_writing() {
            return;
        }
        let log = self.clone();
        self.0.env.spawn(async move {
            let result = work(&log).await;
            log.state().durability_mut().stop_writing();
            drop(lease);
            if let Err(error) = result {
                log.fail(error);
            }
            log.0.idle.notify_all();
        });
    }

    pub(super) async fn write_all(&self) -> Result<(), LogError> {
        loop {
            let Some(work) = self.state().next_work() else {
                return Ok(());
            };
            let done = match work {
                Work::Reopen => self.reopen_file().await.map_err(Stop::Failed),
                Work::Roll => self.roll_file().await,
                Work::Write(write) => self.write(write).await,
            };
            match done {
                Ok(()) => {}
                Err(Stop::NoRoom(cause)) => self.take_back(&cause).await?,
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    async fn write(&self, write: Write<E::File>) -> Result<(), Stop> {
        self.0.shared.fence.check()?;
        if let Some(ahead) = write.ahead {
            self.prepare(&write.file, ahead).await;
        }
        let done = if write.is_durable {
            write
                .file
                .write_durable_at(write.position, write.data)
                .await
        } else {
            write.file.write_at(write.position, write.data).await
        };
        done.map_err(|cause| self.stopped_by(cause, write.is_durable))?;
        // Another flush may have failed beside this one, or the log ended: then everyone was told
        // of an error, and what this one did is not to be seen.
        self.check()?;
        self.state().written_to(write.end, write.is_durable);
        self.0.write_waiters.reached(self.written_offset());
        if write.is_durable {
            self.tell_flushed();
            self.write_mark().await;
        } else {
            self.start_flusher();
        }
        Ok(())
    }

    /// Why a write that failed stops the writer. One that was to be durable has failed as a
    /// flush does, unless there was no room for it.
    fn stopped_by(&self, cause: io::Error, is_durable: bool) -> Stop {
        if is_no_room(&cause) {
            return Stop::NoRoom(cause);
        }
        if is_durable {
            return Stop::Failed(self.0.shared.fence.close(&cause));
        }
        Stop::Failed(self.write_failed(&cause))
    }

    pub(super) fn write_failed(&self, cause: &io::Error) -> LogError {
        LogError::WriteFailed {
            directory: self.0.dir.clone(),
            cause: cause.to_string().into(),
        }
    }

    /// As [`Self::write_failed`], unless there is no room.
    pub(super) fn not_written(&self, cause: io::Error) -> Stop {
        if is_no_room(&cause) {
            Stop::NoRoom(cause)
        } else {
            Stop::Failed(self.write_failed(&cause))
        }
    }

    /// Prepares space ahead of a write. It makes writes cheaper, and nothing depends on it:
    /// where it fails, for want of room or since the file system cannot, the write itself
    /// will tell what is possible.
    async fn prepare(&self, file: &E::File, ahead: Ahead) {
        let done = match ahead {
            Ahead::Reserve { from, to } => file.allocate(from, to - from).await,
            Ahead::Zero { from, to } => file.write_at(from, zeros(to - from)).await,
        };
        if let Err(cause) = done {
            tracing::debug!("{}: space ahead: {cause}", self.0.dir.display());
            let is_possible = cause.kind() != io::ErrorKind::Unsupported;
            let mut state = self.state();
            state.segments_mut().space_not_prepared(ahead, is_possible);
        }
    }

    /// Closes the log with an error that every waiter gets.
    pub(super) fn fail(&self, error: LogError) {
        tracing::error!("{error}");
        self.end(error);
    }

    /// As [`Self::fail`], where nothing went wrong.
    pub(super) fn end(&self, error: LogError) {
        self.state().ended(error.clone());
        self.0.write_waiters.lost_all(&error);
        self.0.flush_waiters.lost_all(&error);
        self.0.progress.notify_all();
        self.0.file_made.notify_all();
        self.0.swapped.notify_all();
    }

    pub(super) fn closed(&self) -> LogError {
        LogError::Closed {
            directory: self.0.dir.clone(),
        }
    }
}

/// Whether an operation failed for want of room, which may come back.
pub(super) fn is_no_room(cause: &io::Error) -> bool {
    matches!(
        cause.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// `bytes` of zeros, a whole number of blocks.
pub(super) fn zeros(bytes: u64) -> Vec<Bytes> {
    const PIECE_BYTES: u64 = 64 << 10;
    let mut piece = Aligned::new(PIECE_BYTES.min(bytes) as usize);
    piece.fill(0);
    let piece = piece.freeze();
    let whole = bytes / PIECE_BYTES;
    let mut pieces = vec![piece.clone(); whole as usize];
    let rest = (bytes % PIECE_BYTES) as usize;
    if rest > 0 {
        pieces.push(piece.slice(..rest));
    }
    pieces
}

impl<F: File> State<F> {
    fn next_work(&mut self) -> Option<Work<F>> {
        if !self.life().may_write() {
            return None;
        }
        let end = self.segments().first_unsealed()?.end().place;
        let from = self.durability().write_place();
        if self.segments().is_file_resting() {
            let has_work = from != end || self.segments().unsealed_count() > 1;
            return has_work.then_some(Work::Reopen);
        }
        let Some(file) = self.segments().file().cloned() else {
            return Some(Work::Roll);
        };
        if from == end {
            let has_next = self.segments().unsealed_count() > 1;
            return has_next.then_some(Work::Roll);
        }
        let to = end.position.min(from.position + WRITE_BYTES_MAX);
        let is_all = to == end.position;
        // Only the end of what was appended may stand within a block.
        let to = if is_all {
            to
        } else {
            to / BLOCK_BYTES as u64 * BLOCK_BYTES as u64
        };
        let (position, data) = self.tail.blocks(from, to);
        let written_to = to.next_multiple_of(BLOCK_BYTES as u64);
        let limit = self
            .config()
            .segment_bytes
            .max(end.position)
            .next_multiple_of(BLOCK_BYTES as u64);
        let ahead = self
            .segments_mut()
            .space_before_write(position, written_to, limit);
        // A durable write flushes no earlier write, nor the zeros ahead: those need a flush.
        // Nor does it run beside a flush, whose failure it could miss.
        let is_durable = ahead.is_none()
            && self.durability().flushed().place == from
            && !self.durability().is_flushing()
            && self.is_flush_wanted()
            && written_to - position <= DURABLE_WRITE_BYTES_MAX;
        Some(Work::Write(Write {
            file,
            ahead,
            position,
            data,
            is_durable,
            end: Place {
                segment: end.segment,
                position: to,
            },
        }))
    }
}
