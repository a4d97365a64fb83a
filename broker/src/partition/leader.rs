//! One partition on its leader: batches that were checked go in, and come out up to the
//! high watermark.
//!
//! Invariants:
//! - Offsets are given in the order of the appends; appending never waits.
//! - The high watermark is what is flushed to the device: no consumer sees a record that
//!   a power cut could take back. Who reads at the end asks for a flush (ADR 0003).
//! - A producer's sequence is recorded with the append, before anything is written: a
//!   retry that overtakes the write is a duplicate and waits for the same offset.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Log, LogError, ReadError, Stamp};
use naru_record_batch::BatchHeader;
use naru_runtime::Handle;

use super::{PartitionId, Producers, SequenceError, Verdict};
use crate::config::{TimestampType, TopicConfig};

/// Appended bytes after which the recovery point is moved, so that recovery reads no more
/// than this behind it.
const CHECKPOINT_EVERY_BYTES: u64 = 256 << 20;

pub struct Partition {
    pub id: PartitionId,
    pub topic: Rc<str>,
    pub log: Log<Handle>,
    pub leader_epoch: Cell<i32>,
    pub config: RefCell<Rc<TopicConfig>>,
    producers: RefCell<Producers>,
    checkpointed_at_bytes: Cell<u64>,
    appended_bytes: Cell<u64>,
}

/// Where a batch went.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    pub base_offset: i64,
    /// The offset behind the batch: acknowledged when all below it is.
    pub next_offset: i64,
    /// The broker's time if it was stamped, else -1, in ms.
    pub log_append_time_ms: i64,
    pub log_start_offset: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error(transparent)]
    Sequence(#[from] SequenceError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// A batch that passed the checks, with what they found.
#[derive(Clone, Debug)]
pub struct CheckedBatch {
    pub bytes: Bytes,
    pub header: BatchHeader,
    /// The largest timestamp of its records, in ms; the header's may be wrong.
    pub max_timestamp_ms: i64,
}

impl Partition {
    pub fn new(
        id: PartitionId,
        topic: Rc<str>,
        log: Log<Handle>,
        producers: Producers,
        leader_epoch: i32,
        config: Rc<TopicConfig>,
    ) -> Self {
        Self {
            id,
            topic,
            log,
            leader_epoch: Cell::new(leader_epoch),
            config: RefCell::new(config),
            producers: RefCell::new(producers),
            checkpointed_at_bytes: Cell::new(0),
            appended_bytes: Cell::new(0),
        }
    }

    /// Gives a batch its offsets and puts it on the way to the disk. Does not wait.
    pub fn append(&self, batch: &CheckedBatch, now_ms: i64) -> Result<Appended, AppendError> {
        let header = &batch.header;
        if header.producer_id >= 0 {
            match self.producers.borrow().check(
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
                header.last_sequence(),
            )? {
                Verdict::New => {}
                Verdict::Duplicate {
                    first_offset,
                    last_offset,
                    timestamp_ms,
                } => {
                    return Ok(Appended {
                        base_offset: first_offset,
                        next_offset: last_offset + 1,
                        log_append_time_ms: match self.timestamp_type() {
                            TimestampType::CreateTime => -1,
                            TimestampType::LogAppendTime => timestamp_ms,
                        },
                        log_start_offset: self.log.start_offset(),
                    });
                }
            }
        }
        let log_append_time_ms = match self.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(now_ms),
        };
        let stamp = Stamp {
            leader_epoch: self.leader_epoch.get(),
            log_append_time_ms,
            max_timestamp_ms: (batch.max_timestamp_ms != header.max_timestamp_ms)
                .then_some(batch.max_timestamp_ms),
        };
        let appended = self.log.append(&batch.bytes, stamp, now_ms)?;
        if header.producer_id >= 0 {
            let timestamp_ms = log_append_time_ms.unwrap_or(batch.max_timestamp_ms);
            self.producers
                .borrow_mut()
                .record(header, appended.base_offset, timestamp_ms);
        }
        self.appended_bytes
            .set(self.appended_bytes.get() + batch.bytes.len() as u64);
        Ok(Appended {
            base_offset: appended.base_offset,
            next_offset: appended.last_offset + 1,
            log_append_time_ms: log_append_time_ms.unwrap_or(-1),
            log_start_offset: self.log.start_offset(),
        })
    }

    fn timestamp_type(&self) -> TimestampType {
        self.config.borrow().timestamp_type
    }

    /// Below this offset every record survives a power cut, and may be consumed.
    pub fn high_watermark(&self) -> i64 {
        self.log.flushed_offset()
    }

    /// The high watermark behind all that was written when this was called: a client that
    /// had its write acknowledged finds it, whatever its acks.
    pub async fn settled_high_watermark(&self) -> Result<i64, LogError> {
        let written = self.log.written_offset();
        self.log.flushed(written).await?;
        Ok(self.high_watermark())
    }

    /// Whole batches from the one that holds `from` on, up to the high watermark.
    pub async fn read(
        &self,
        from: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Vec<Bytes>, ReadError> {
        self.log.read(from, bytes_max, at_least_one).await
    }

    /// Moves the recovery point if enough was appended since, and forgets producers that
    /// have been silent for `producer_expiration_ms`.
    pub async fn maintain(&self, now_ms: i64, producer_expiration_ms: i64) -> Result<(), LogError> {
        self.producers
            .borrow_mut()
            .expire(now_ms, producer_expiration_ms);
        let appended = self.appended_bytes.get();
        if appended - self.checkpointed_at_bytes.get() < CHECKPOINT_EVERY_BYTES {
            return Ok(());
        }
        self.checkpointed_at_bytes.set(appended);
        self.checkpoint().await
    }

    async fn checkpoint(&self) -> Result<(), LogError> {
        let owner = self.producers.borrow().to_bytes();
        self.log.checkpoint(owner).await
    }

    /// Flushes, and leaves a checkpoint that spares the next start all reading.
    pub async fn close(&self) -> Result<(), LogError> {
        let owner = self.producers.borrow().to_bytes();
        self.log.close(owner).await
    }
}
