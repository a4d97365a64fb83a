//! What is known of a transactional id, and the transitions from one state to the next.

use std::collections::BTreeSet;

use super::{
    ProducerIdAndEpoch, TopicPartition, TransactionError, TransactionState, TransactionVersion,
};

/// Instead of a producer id.
pub const NO_PRODUCER_ID: i64 = -1;
/// Instead of an epoch: the id is new.
pub const NO_EPOCH: i16 = -1;
/// The last epoch that a producer may have; the one above it is left for fencing.
pub const EPOCH_MAX: i16 = i16::MAX - 1;

/// As TransactionMetadata in Kafka.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    pub producer_id: i64,
    /// What `producer_id` was before the last transition.
    pub previous_producer_id: i64,
    /// What it becomes when the transaction is complete, if the epoch is exhausted.
    pub next_producer_id: i64,
    pub producer_epoch: i16,
    /// The epoch that a retry of the last InitProducerId names. Not stored, as in Kafka: after a
    /// restart such a retry is fenced.
    pub last_producer_epoch: i16,
    pub timeout_ms: i32,
    pub state: TransactionState,
    /// Those of the open transaction; while markers are written, those without one.
    pub partitions: BTreeSet<TopicPartition>,
    /// By the wall clock; -1 without a transaction.
    pub start_ms: i64,
    pub last_update_ms: i64,
    /// The version by which the transaction goes: the client's, or the cluster's where the
    /// coordinator ended it.
    pub version: TransactionVersion,
}

impl Metadata {
    pub fn new(producer_id: i64, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            producer_id,
            previous_producer_id: NO_PRODUCER_ID,
            next_producer_id: NO_PRODUCER_ID,
            producer_epoch: NO_EPOCH,
            last_producer_epoch: NO_EPOCH,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            start_ms: -1,
            last_update_ms: now_ms,
            version: TransactionVersion::V0,
        }
    }

    pub fn identity(&self) -> ProducerIdAndEpoch {
        ProducerIdAndEpoch {
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
        }
    }

    /// Who the producer is once what has been decided is complete.
    pub fn identity_when_complete(&self) -> ProducerIdAndEpoch {
        if self.next_producer_id == NO_PRODUCER_ID {
            return self.identity();
        }
        ProducerIdAndEpoch {
            producer_id: self.next_producer_id,
            producer_epoch: 0,
        }
    }

    pub fn is_epoch_exhausted(&self) -> bool {
        self.producer_epoch >= EPOCH_MAX
    }

    /// The same in another state, at `now_ms`.
    fn becoming(&self, state: TransactionState, now_ms: i64) -> Self {
        assert!(
            self.state.may_become(state),
            "{:?} does not become {state:?}",
            self.state
        );
        Self {
            state,
            previous_producer_id: self.producer_id,
            last_update_ms: now_ms,
            ..self.clone()
        }
    }

    /// The next epoch, for a producer that begins (`expected` is `None`) or recovers (KIP-360).
    pub fn with_next_epoch(
        &self,
        timeout_ms: i32,
        expected: Option<i16>,
        now_ms: i64,
    ) -> Result<Self, TransactionError> {
        let raised = || self.producer_epoch.checked_add(1);
        let (epoch, last) = match expected {
            None => (raised(), NO_EPOCH),
            Some(expected)
                if self.producer_epoch == NO_EPOCH || expected == self.producer_epoch =>
            {
                (raised(), self.producer_epoch)
            }
            // A retry of what was answered already. A newer producer would have reset it.
            Some(expected) if expected == self.last_producer_epoch => {
                (Some(self.producer_epoch), self.last_producer_epoch)
            }
            Some(_) => return Err(TransactionError::ProducerFenced),
        };
        let epoch = epoch.filter(|epoch| *epoch <= EPOCH_MAX);
        Ok(Self {
            producer_epoch: epoch.ok_or(TransactionError::ProducerFenced)?,
            last_producer_epoch: last,
            ..self.emptied(timeout_ms, now_ms)
        })
    }

    /// Another producer id, at epoch 0: the epochs of this one are used up.
    pub fn with_new_producer_id(
        &self,
        producer_id: i64,
        timeout_ms: i32,
        recovers: bool,
        now_ms: i64,
    ) -> Self {
        Self {
            producer_id,
            producer_epoch: 0,
            last_producer_epoch: if recovers {
                self.producer_epoch
            } else {
                NO_EPOCH
            },
            ..self.emptied(timeout_ms, now_ms)
        }
    }

    fn emptied(&self, timeout_ms: i32, now_ms: i64) -> Self {
        Self {
            timeout_ms,
            partitions: BTreeSet::new(),
            start_ms: -1,
            ..self.becoming(TransactionState::Empty, now_ms)
        }
    }

    pub fn with_partitions(
        &self,
        added: &BTreeSet<TopicPartition>,
        version: TransactionVersion,
        now_ms: i64,
    ) -> Self {
        let mut next = self.becoming(TransactionState::Ongoing, now_ms);
        if self.state != TransactionState::Ongoing {
            next.start_ms = now_ms;
        }
        next.partitions.extend(added.iter().cloned());
        next.version = version;
        next
    }

    /// Decided. By version 2 the epoch is raised now, and `next_producer_id` takes over where it
    /// is exhausted by that.
    pub fn prepared(
        &self,
        state: TransactionState,
        version: TransactionVersion,
        next_producer_id: i64,
        now_ms: i64,
    ) -> Self {
        assert!(state.is_prepared(), "{state:?} decides nothing");
        let mut next = self.becoming(state, now_ms);
        if version.raises_epoch() {
            next.last_producer_epoch = self.producer_epoch;
            next.producer_epoch = self.producer_epoch.saturating_add(1);
        }
        if self.state != TransactionState::Ongoing {
            // An abort of nothing has to have begun some time.
            next.start_ms = now_ms;
        }
        next.next_producer_id = next_producer_id;
        next.version = version;
        next
    }

    /// Aborted by a coordinator of before version 2: the epoch is raised first, so that the
    /// marker fences the producer (KIP-588).
    pub fn fenced(&self, now_ms: i64) -> Self {
        let mut next = self.becoming(TransactionState::PrepareAbort, now_ms);
        next.producer_epoch = self.producer_epoch.saturating_add(1);
        next.last_producer_epoch = NO_EPOCH;
        next.version = TransactionVersion::V0;
        next
    }

    /// All markers are written.
    pub fn completed(&self, now_ms: i64) -> Self {
        let state = if self.state == TransactionState::PrepareCommit {
            TransactionState::CompleteCommit
        } else {
            TransactionState::CompleteAbort
        };
        let ProducerIdAndEpoch {
            producer_id,
            producer_epoch,
        } = self.identity_when_complete();
        Self {
            producer_id,
            producer_epoch,
            next_producer_id: NO_PRODUCER_ID,
            partitions: BTreeSet::new(),
            ..self.becoming(state, now_ms)
        }
    }
}
