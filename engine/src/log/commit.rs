//! Group commit: the writer puts on the disk what has gathered, one write at a time; the
//! flusher makes durable what was written, one flush at a time, when somebody asks. While
//! either works, the next group gathers. Neither exists while there is nothing to do.

use bytes::Bytes;

use super::place::Place;
use super::state::State;
use super::{Log, LogError};
use crate::recovery::mark::{self, Mark};
use crate::segment::{Ahead, FLUSHED_FILE};
use naru_runtime::{Aligned, BLOCK_BYTES, Env, File};

/// The most that one write takes, in bytes: above it latency grows and throughput does not.
const WRITE_BYTES_MAX: u64 = 8 << 20;

/// Up to this a write is made durable by itself, in one operation; a larger one is flushed while
/// the next is written, in bytes. See docs/PERFORMANCE.md.
const DURABLE_WRITE_BYTES_MAX: u64 = 256 << 10;

/// What the writer does next.
enum Work<F> {
    /// Write `data` at `position` of the file; that takes the log to `end`.
    Write {
        file: F,
        ahead: Option<Ahead>,
        position: u64,
        data: Vec<Bytes>,
        end: Place,
        is_durable: bool,
    },
    /// Seal the first unsealed segment if it has a file, and make the file of the next.
    Roll,
}

impl<E: Env> Log<E> {
    /// Starts the writer, unless it runs.
    pub(super) fn start_writer(&self) {
        if self.state().durability_mut().start_writing() {
            return;
        }
        let log = self.clone();
        self.0.env.spawn(async move {
            let result = log.write_all().await;
            log.state().durability_mut().stop_writing();
            if let Err(error) = result {
                log.fail(error);
            }
            log.0.idle.notify_all();
        });
    }

    async fn write_all(&self) -> Result<(), LogError> {
        loop {
            let Some(work) = self.state().next_work() else {
                return Ok(());
            };
            match work {
                Work::Roll => self.roll_file().await?,
                Work::Write {
                    file,
                    ahead,
                    position,
                    data,
                    end,
                    is_durable,
                } => {
                    self.0.shared.fence.check()?;
                    let write = async {
                        prepare(&file, ahead).await?;
                        if is_durable {
                            file.write_durable_at(position, data).await
                        } else {
                            file.write_at(position, data).await
                        }
                    };
                    let written = write.await;
                    written.map_err(|cause| self.failed_write(&cause, is_durable))?;
                    self.state().written_to(end, is_durable);
                    self.0.written.notify_all();
                    if is_durable {
                        self.0.flushed.notify_all();
                        self.write_mark().await;
                    } else {
                        self.start_flusher();
                    }
                }
            }
        }
    }

    /// A write that was to be durable has failed as a flush does, unless there was no room for it.
    fn failed_write(&self, cause: &std::io::Error, is_durable: bool) -> LogError {
        if is_durable && cause.kind() != std::io::ErrorKind::StorageFull {
            return self.0.shared.fence.close(cause);
        }
        LogError::WriteFailed {
            directory: self.0.dir.clone(),
            cause: cause.to_string().into(),
        }
    }

    /// Closes the log with an error that every waiter gets.
    pub(super) fn fail(&self, error: LogError) {
        tracing::error!("{error}");
        self.end(error);
    }

    /// As [`Self::fail`], where nothing went wrong.
    pub(super) fn end(&self, error: LogError) {
        self.state().durability_mut().failed(error);
        self.0.written.notify_all();
        self.0.flushed.notify_all();
    }

    /// Starts the flusher, unless it runs or nobody wants anything flushed.
    pub(super) fn start_flusher(&self) {
        {
            let mut state = self.state();
            if state.durability().is_flushing() || !state.is_flush_due() {
                return;
            }
            state.durability_mut().start_flushing();
        }
        let log = self.clone();
        self.0.env.spawn(async move {
            log.flush_all().await;
            log.0.idle.notify_all();
        });
    }

    async fn flush_all(&self) {
        loop {
            let (file, to) = {
                let mut state = self.state();
                // Positions of a segment whose file is gone were flushed when it was sealed.
                match state.segments().file().cloned() {
                    Some(file) if state.is_flush_due() => (file, state.durability().written()),
                    _ => {
                        state.durability_mut().stop_flushing();
                        return;
                    }
                }
            };
            if let Err(error) = self.sync(&file).await {
                self.state().durability_mut().stop_flushing();
                return self.fail(error);
            }
            self.state().flushed_to(to);
            self.0.flushed.notify_all();
            self.write_mark().await;
        }
    }

    /// Flushes a file; a failure fences the directory for good.
    pub(super) async fn sync(&self, file: &E::File) -> Result<(), LogError> {
        self.0.shared.fence.check()?;
        let result = file.sync_data().await;
        result.map_err(|cause| self.0.shared.fence.close(&cause))
    }

    /// Writes down how far the log is flushed, now and then. What fails here is no harm:
    /// an older mark only says less.
    async fn write_mark(&self) {
        let due = self.state().durability_mut().next_mark(mark::EVERY_BYTES);
        let Some((Place { segment, position }, turn)) = due else {
            return;
        };
        let mark = Mark { segment, position };
        let path = self.0.dir.join(FLUSHED_FILE);
        let write = async {
            let file = match self.0.env.open(&path, naru_runtime::Open::Direct).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    self.0
                        .env
                        .open(&path, naru_runtime::Open::DirectNew)
                        .await?
                }
                other => other?,
            };
            let position = turn * BLOCK_BYTES as u64;
            file.write_at(position, vec![mark.block()]).await
        };
        if let Err(error) = write.await {
            tracing::warn!("{}: {error}", path.display());
        }
    }
}

async fn prepare<F: File>(file: &F, ahead: Option<Ahead>) -> std::io::Result<()> {
    match ahead {
        None => Ok(()),
        Some(Ahead::Reserve { from, to }) => file.allocate(from, to - from).await,
        Some(Ahead::Zero { from, to }) => file.write_at(from, zeros(to - from)).await,
    }
}

/// `bytes` of zeros, a whole number of blocks.
fn zeros(bytes: u64) -> Vec<Bytes> {
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
        let end = self.segments().first_unsealed()?.end().place;
        let Some(file) = self.segments().file().cloned() else {
            return Some(Work::Roll);
        };
        let from = self.durability().write_place();
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
        let is_durable = ahead.is_none()
            && self.durability().flushed().place == from
            && self.is_flush_wanted()
            && written_to - position <= DURABLE_WRITE_BYTES_MAX;
        Some(Work::Write {
            file,
            ahead,
            position,
            data,
            is_durable,
            end: Place {
                segment: end.segment,
                position: to,
            },
        })
    }
}
