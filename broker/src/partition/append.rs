//! What goes into a partition: batches of clients and coordinators, and the markers that end
//! transactions. Nothing here waits.

use naru_engine::log::{Appended as LogAppended, LogError, Stamp};
use naru_record_batch::{CheckedBatch, EndTransactionMarker};

use super::{
    AckError, ActiveProducer, Denial, Marker, MarkerRefusal, Partition, ProducerError, Role,
    Verdict, Verification, VerificationGuard, VerificationRequest,
};
use crate::config::TimestampType;

/// Where a batch went.
#[derive(Clone, Copy, Debug)]
pub struct Appended {
    pub base_offset: i64,
    /// The offset after the batch: acknowledged when all below it is.
    pub next_offset: i64,
    /// The broker's time if it was stamped, else -1, in ms.
    pub log_append_time_ms: i64,
    pub log_start_offset: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    #[error("this broker does not lead the partition")]
    NotLeader,
    #[error(transparent)]
    Producer(#[from] ProducerError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Why a marker is not in a partition, or not known to be there to stay.
#[derive(Debug, thiserror::Error)]
pub enum MarkerError {
    #[error("the partition is not served here: {0:?}")]
    Denied(Denial),
    #[error("this broker does not lead the partition")]
    NotLeader,
    #[error(transparent)]
    Refused(#[from] MarkerRefusal),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Unacknowledged(#[from] AckError),
}

impl Partition {
    /// Gives a batch its offsets and puts it on the way to the disk. Does not wait.
    pub fn append(&self, batch: &CheckedBatch, now_ms: i64) -> Result<Appended, AppendError> {
        self.append_verified(batch, Verification::None, now_ms)
    }

    /// As [`Self::append`], for a batch that may begin a transaction in the partition: what
    /// speaks for that is `verification`.
    pub fn append_verified(
        &self,
        batch: &CheckedBatch,
        verification: Verification,
        now_ms: i64,
    ) -> Result<Appended, AppendError> {
        if self.standing.get().role != Role::Leader {
            return Err(AppendError::NotLeader);
        }
        self.forget_what_was_taken_back();
        let header = batch.header();
        if header.producer_id >= 0 {
            match self.producers.borrow().check(header, verification)? {
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
        let (stamp, appended) = self.put_into_log(batch, now_ms)?;
        if header.producer_id >= 0 {
            let timestamp_ms = stamp.log_append_time_ms.unwrap_or(batch.max_timestamp_ms());
            self.producers
                .borrow_mut()
                .record(header, appended.base_offset, timestamp_ms, now_ms);
        }
        Ok(self.told(stamp, appended))
    }

    /// Ends a producer's transaction in this partition, at `now_ms` by the broker's clock. A
    /// marker that ends nothing is appended all the same. Does not wait.
    pub fn append_marker(&self, marker: &Marker, now_ms: i64) -> Result<Appended, MarkerError> {
        if self.standing.get().role != Role::Leader {
            return Err(MarkerError::NotLeader);
        }
        self.forget_what_was_taken_back();
        self.producers.borrow().check_marker(marker)?;
        let record = EndTransactionMarker {
            result: marker.result,
            coordinator_epoch: marker.coordinator_epoch,
        };
        let batch = record.build(marker.producer_id, marker.producer_epoch, now_ms);
        let (stamp, appended) = self.put_into_log(&batch, now_ms)?;
        let offset = appended.base_offset;
        let aborted = {
            let mut producers = self.producers.borrow_mut();
            producers.record_marker(marker, offset, now_ms)
        };
        if let Some(aborted) = aborted {
            self.log.note_aborted(aborted);
        }
        Ok(self.told(stamp, appended))
    }

    fn put_into_log(
        &self,
        batch: &CheckedBatch,
        now_ms: i64,
    ) -> Result<(Stamp, LogAppended), LogError> {
        let header = batch.header();
        let log_append_time_ms = match self.timestamp_type() {
            TimestampType::CreateTime => None,
            TimestampType::LogAppendTime => Some(now_ms),
        };
        let stamp = Stamp {
            leader_epoch: self.standing.get().leader_epoch,
            log_append_time_ms,
            max_timestamp_ms: (batch.max_timestamp_ms() != header.max_timestamp_ms)
                .then_some(batch.max_timestamp_ms()),
        };
        let appended = self.log.append_checked(batch, stamp, now_ms)?;
        if appended.begins_segment {
            // As it was before this batch: a truncation begins again from here.
            self.log
                .keep_snapshot(appended.base_offset, self.checkpointed());
        }
        if self.is_recovery_long() {
            self.recovery_is_long.notify_all();
        }
        Ok((stamp, appended))
    }

    fn told(&self, stamp: Stamp, appended: LogAppended) -> Appended {
        Appended {
            base_offset: appended.base_offset,
            next_offset: appended.last_offset + 1,
            log_append_time_ms: stamp.log_append_time_ms.unwrap_or(-1),
            log_start_offset: self.log.start_offset(),
        }
    }

    /// A log without room takes back what it could not write: a retry of it is no duplicate, and
    /// a transaction whose marker it was is open again.
    pub(super) fn forget_what_was_taken_back(&self) {
        if let Some(end_offset) = self.log.taken_back() {
            self.producers.borrow_mut().forget_from(end_offset);
        }
    }

    fn timestamp_type(&self) -> TimestampType {
        self.config.borrow().timestamp_type
    }

    /// Begins to verify that a producer's transaction is under way in this partition: see
    /// [`VerificationGuard`]. `None` where a batch of it was appended already.
    pub fn begin_verification(
        &self,
        request: VerificationRequest,
        now_ms: i64,
    ) -> Option<VerificationGuard> {
        self.forget_what_was_taken_back();
        let mut producers = self.producers.borrow_mut();
        producers.begin_verification(request, now_ms)
    }

    /// Forgets producers that have been silent for `expiration_ms`, and have no transaction
    /// open.
    pub fn expire_producers(&self, now_ms: i64, expiration_ms: i64) {
        self.producers.borrow_mut().expire(now_ms, expiration_ms);
    }

    /// The producers that are known, by their ids.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        self.forget_what_was_taken_back();
        let mut active: Vec<_> = self.producers.borrow().active().collect();
        active.sort_unstable_by_key(|producer| producer.producer_id);
        active
    }
}
