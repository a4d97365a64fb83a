//! A partition as this broker has it: the only door to its log.
//!
//! Batches that were checked go in, and come out up to the high watermark. Nobody else
//! reaches the log: what a replica owes its clients, in which order it flushes,
//! acknowledges and shows, is decided here.
//!
//! Invariants:
//! - Offsets are given in the order of the appends; appending never waits.
//! - The high watermark is at or below what is flushed to the device: no consumer sees a
//!   record that a power cut could take back. Whoever reads at the end asks for a flush (ADR
//!   0003).
//! - A producer's sequence is recorded with the append, before anything is written: a
//!   retry that overtakes the write is a duplicate and waits for the same offset.
//! - The last stable offset is at or below the high watermark and never goes back: no consumer
//!   of committed records sees a transaction before its marker is committed.
//! - The leader epoch never goes back.

use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, LogError};
use naru_runtime::sync::Notify;
use naru_runtime::{Handle, Task};

use super::checkpoint::Checkpointed;
use super::{HighWatermark, PartitionId, Producers, Role, Standing};
use crate::config::TopicConfig;

/// Bytes after the recovery point at which it is moved: recovery reads little more than this.
const CHECKPOINT_EVERY_BYTES: u64 = 256 << 20;

/// How long a checkpoint that could not be written is left alone: the disk may be full.
const CHECKPOINT_RETRY_AFTER: Duration = Duration::from_secs(10);

/// A partition's log, and what goes with it.
pub struct Partition {
    pub id: PartitionId,
    pub topic: Rc<str>,
    io: Handle,
    pub(super) log: Log<Handle>,
    pub(super) standing: Cell<Standing>,
    high_watermark: HighWatermark,
    pub config: RefCell<Rc<TopicConfig>>,
    pub(super) producers: RefCell<Producers>,
    /// There is so much that recovery would read that the recovery point is to be moved.
    pub(super) recovery_is_long: Rc<Notify>,
    /// Raise the high watermark and move the recovery point while this lives.
    tasks: OnceCell<[Task<()>; 2]>,
}

/// What a partition had when it was last open.
#[derive(Default)]
pub struct PartitionState {
    pub producers: Producers,
    pub high_watermark: i64,
}

/// What `acks` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    None,
    /// The leader's write has completed: it survives the death of the process.
    Leader,
    /// Committed: flushed to the device on every in-sync replica.
    All,
}

/// Why an append will not be acknowledged. It may be in the log all the same.
#[derive(Debug, thiserror::Error)]
pub enum AckError {
    #[error("this broker does not lead the partition any more")]
    NotLeader,
    #[error("it was not committed in time")]
    TimedOut,
    #[error(transparent)]
    Log(#[from] LogError),
}

impl Partition {
    /// A partition on its log; `state` is what its checkpoint had, and what came after it.
    pub fn open(
        io: &Handle,
        id: PartitionId,
        topic: Rc<str>,
        log: Log<Handle>,
        state: PartitionState,
        standing: Standing,
        config: Rc<TopicConfig>,
    ) -> Rc<Self> {
        let flushed = log.flushed_offset();
        if state.high_watermark > flushed {
            // A checkpoint flushes what the watermark had reached before it is written.
            tracing::error!(
                "{topic}-{}: the log ends at {flushed}, but was committed up to {}: the disk \
                 has lost what it had confirmed",
                id.index,
                state.high_watermark
            );
        }
        let high_watermark = state.high_watermark.min(flushed);
        let partition = Rc::new(Self {
            id,
            topic,
            io: io.clone(),
            log,
            standing: Cell::new(standing),
            high_watermark: HighWatermark::new(high_watermark),
            config: RefCell::new(config),
            producers: RefCell::new(state.producers),
            recovery_is_long: Rc::default(),
            tasks: OnceCell::new(),
        });
        let tasks = [
            io.spawn_task(follow_log(Rc::downgrade(&partition))),
            io.spawn_task(keep_recovery_short(io.clone(), Rc::downgrade(&partition))),
        ];
        partition.tasks.get_or_init(|| tasks);
        partition.settle();
        partition
    }

    /// What this broker is to the partition now. Where the log or its directory has failed,
    /// nothing is served any more, reads neither (as Kafka's offline log directories).
    pub fn standing(&self) -> Standing {
        let standing = self.standing.get();
        match self.log.check() {
            Ok(()) => standing,
            Err(_) => Standing {
                role: Role::Offline,
                ..standing
            },
        }
    }

    /// Takes a role of a leader epoch that is not older than the last one.
    pub fn take_role(&self, standing: Standing) {
        let before = self.standing.replace(standing);
        assert!(
            before.leader_epoch <= standing.leader_epoch,
            "{standing:?} comes after {before:?}"
        );
        if before != standing {
            self.settle();
            self.high_watermark.wake();
        }
    }

    /// Whether a leader's work goes on: else why not.
    pub(super) fn check_leads(&self) -> Result<(), AckError> {
        self.log.check()?;
        match self.standing.get().role {
            Role::Leader => Ok(()),
            Role::Follower | Role::Offline => Err(AckError::NotLeader),
        }
    }

    /// Resolves when the batch that was just appended, which ends at `offset`, is what `acks`
    /// asks for. What has to be flushed for that is asked for when this is called, not when
    /// it is first polled; and it is for that batch, also if the log takes it back for want
    /// of room and another one gets its offset.
    pub fn acknowledged(
        self: &Rc<Self>,
        offset: i64,
        acks: Acks,
    ) -> impl Future<Output = Result<(), AckError>> + use<> {
        // An unacknowledged request keeps its memory until it is written, or nothing would
        // slow down whoever sends faster than the disk takes.
        let written = (acks != Acks::All).then(|| self.log.written(offset));
        let flushed = (acks == Acks::All).then(|| self.log.flushed(offset));
        let partition = Rc::clone(self);
        async move {
            if let Some(written) = written {
                written.await?;
            }
            if let Some(flushed) = flushed {
                flushed.await?;
                partition.settle();
                partition.is_committed(offset).await?;
            }
            Ok(())
        }
    }

    /// As [`Self::acknowledged`], but `acks=all` is waited for until `deadline` only. The
    /// batch stays in the log, and may be committed yet, as in Kafka. A write to the leader's
    /// log is none of the replication that a producer's `timeout_ms` is about.
    pub fn acknowledged_by(
        self: &Rc<Self>,
        offset: i64,
        acks: Acks,
        deadline: Instant,
    ) -> impl Future<Output = Result<(), AckError>> + use<> {
        let acknowledged = self.acknowledged(offset, acks);
        let io = self.io.clone();
        async move {
            if acks != Acks::All {
                return acknowledged.await;
            }
            let left = deadline.saturating_duration_since(io.now());
            let in_time = io.timeout(left, acknowledged).await;
            in_time.unwrap_or(Err(AckError::TimedOut))
        }
    }

    async fn is_committed(&self, offset: i64) -> Result<(), AckError> {
        loop {
            if self.committed() >= offset {
                // A fenced directory acknowledges nothing; a closed log did its work before.
                return match self.log.check() {
                    Err(error @ LogError::Fenced { .. }) => Err(error.into()),
                    _ => Ok(()),
                };
            }
            self.check_leads()?;
            self.high_watermark.moved().await;
        }
    }

    /// The high watermark: below it every record is committed, and may be consumed.
    pub fn committed(&self) -> i64 {
        self.high_watermark.get()
    }

    pub(super) fn high_watermark(&self) -> &HighWatermark {
        &self.high_watermark
    }

    /// Raises the high watermark to what all in-sync replicas have flushed: of this leader
    /// alone, its own flushed end.
    pub(super) fn settle(&self) {
        if self.check_leads().is_ok() {
            let flushed = self.log.flushed_offset();
            // Before anyone is woken: whoever reads committed records waits for this, too.
            self.producers.borrow_mut().committed_up_to(flushed);
            self.high_watermark.advance_to(flushed);
        }
        assert!(
            self.committed() <= self.log.flushed_offset(),
            "{}-{}: the high watermark {} is after the flushed end {}",
            self.topic,
            self.id.index,
            self.committed(),
            self.log.flushed_offset()
        );
    }

    pub(super) fn log(&self) -> &Log<Handle> {
        &self.log
    }

    /// What the partition's segments hold, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.log.size_bytes()
    }

    /// The first offset that may be read.
    pub fn start_offset(&self) -> i64 {
        self.log.start_offset()
    }

    /// Whether nothing was ever appended.
    pub fn is_new(&self) -> bool {
        self.log.end_offset() == 0
    }

    /// Takes the settings of its topic.
    pub fn set_config(&self, config: Rc<TopicConfig>, log_config: LogConfig) {
        self.log.set_config(log_config);
        *self.config.borrow_mut() = config;
    }

    /// Drops what retention no longer keeps; see [`Log::drop_expired`].
    pub async fn drop_expired(&self, now_ms: i64) -> Result<Vec<PathBuf>, LogError> {
        self.log.drop_expired(now_ms).await
    }

    /// Gives back memory, and the file that is written, if nothing was appended since the last
    /// call.
    pub fn rest(&self) {
        self.log.rest();
    }

    /// Closes the file that is written until there is something to write, unless somebody is at
    /// work on it.
    pub fn close_file(&self) {
        self.log.close_file();
    }

    /// Ends a partition whose topic is deleted: everyone who waits is told at once, and its
    /// directory is named `to` when this returns. False if it never had one.
    ///
    /// # Errors
    /// When the directory could not be renamed, durably.
    pub async fn retire(&self, to: &Path) -> Result<bool, LogError> {
        self.log.abandon();
        self.high_watermark.wake();
        self.log.retire(to).await
    }

    /// Moves the recovery point if much was appended since, or left over by a crash.
    async fn shorten_recovery(&self) -> Result<(), LogError> {
        if !self.is_recovery_long() {
            return Ok(());
        }
        self.log.checkpoint(self.checkpointed()).await
    }

    pub(super) fn is_recovery_long(&self) -> bool {
        self.log.recovery_debt_bytes() >= CHECKPOINT_EVERY_BYTES
    }

    /// Flushes, and leaves a checkpoint that spares the next start all reading.
    pub async fn close(&self) -> Result<(), LogError> {
        self.log.close(self.checkpointed()).await
    }

    pub(super) fn checkpointed(&self) -> Bytes {
        self.forget_what_was_taken_back();
        let producers = self.producers.borrow().to_bytes();
        Checkpointed::encode(self.committed(), &producers)
    }
}

/// Moves the recovery point whenever recovery would read too much: by the bytes that were
/// appended, not by the clock.
async fn keep_recovery_short(io: Handle, partition: Weak<Partition>) {
    while let Some(known) = partition.upgrade() {
        if let Err(error) = known.shorten_recovery().await {
            if known.log.check().is_err() {
                return;
            }
            tracing::error!("{}-{}: {error}", known.topic, known.id.index);
            drop(known);
            io.sleep(CHECKPOINT_RETRY_AFTER).await;
            continue;
        }
        let recovery_is_long = Rc::clone(&known.recovery_is_long);
        let grows_long = recovery_is_long.wait();
        if !known.is_recovery_long() {
            drop(known);
            grows_long.await;
        }
    }
}

/// Lets the high watermark of a leader follow what its log has flushed, and tells those who
/// wait when nothing more will come.
async fn follow_log(partition: Weak<Partition>) {
    while let Some(partition) = partition.upgrade() {
        let progress = partition.log.progress();
        let has_failed = partition.log.check().is_err();
        if has_failed {
            return partition.high_watermark.wake();
        }
        partition.settle();
        drop(partition);
        progress.await;
    }
}
