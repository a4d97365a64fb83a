//! The ids of one partition of `__transaction_state`, and what comes out of an event.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::markers::Markers;
use super::metadata::{Metadata, NO_EPOCH};
use super::records::{self, TransactionRecord};
use super::{Now, ProducerIdAndEpoch, TransactionError, TransactionState, TransactionVersion};

#[derive(Clone, Debug)]
pub struct TransactionConfig {
    /// `transaction.max.timeout.ms`
    pub timeout_ms_max: i32,
    /// `transactional.id.expiration.ms`
    pub id_expiration_ms: i64,
}

/// What is to be done now. `R` is whatever the driver answers by.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect<R> {
    Answer(R, Result<ProducerIdAndEpoch, TransactionError>),
    /// Append these to the partition, and say how it went with `token`.
    Append {
        token: u64,
        records: Vec<TransactionRecord>,
        /// Whether it is said once they are durable, or as soon as they are in the log.
        durable: bool,
    },
    /// Write these, and say of each when it is written.
    Write(Markers),
}

/// What waits for an append.
pub(super) enum Waiting<R> {
    /// An id becomes `next`; then `reply` is told.
    Transition {
        transactional_id: String,
        next: Metadata,
        reply: Option<(R, Result<ProducerIdAndEpoch, TransactionError>)>,
    },
    /// Ids that have expired are forgotten.
    Expiry { transactional_ids: Vec<String> },
}

/// An id with what happens to it.
pub(super) struct Entry {
    pub metadata: Metadata,
    /// A transition is being appended.
    pub is_pending: bool,
    /// When its transaction times out, by the monotonic clock.
    pub deadline_ms: Option<i64>,
}

impl Entry {
    pub fn new(metadata: Metadata) -> Self {
        Self {
            metadata,
            is_pending: false,
            deadline_ms: None,
        }
    }

    /// Whether it is between two states that can be seen. The markers of Prepare* are part of the
    /// transition to Complete*.
    pub fn check_settled(&self) -> Result<(), TransactionError> {
        if self.is_pending || self.metadata.state.is_prepared() {
            return Err(TransactionError::ConcurrentTransactions);
        }
        Ok(())
    }
}

pub struct Coordinator<R> {
    pub(super) config: TransactionConfig,
    /// The cluster's `transaction.version`.
    pub(super) version: TransactionVersion,
    /// In order, so that the same events have the same effects in the same order.
    pub(super) ids: BTreeMap<String, Entry>,
    /// The deadlines of open transactions, soonest first.
    pub(super) deadlines: BTreeSet<(i64, String)>,
    /// Ids whose markers are all written, but whose Complete* could not be.
    pub(super) stuck: BTreeSet<String>,
    pub(super) waiting: BTreeMap<u64, Waiting<R>>,
    /// Who waits for an id to be settled, the longest waiting first.
    pub(super) unsettled: BTreeMap<String, VecDeque<R>>,
    pub(super) effects: Vec<Effect<R>>,
    next_token: u64,
    spare_producer_id: Option<i64>,
}

impl<R> Coordinator<R> {
    pub fn new(config: TransactionConfig) -> Self {
        Self {
            config,
            version: TransactionVersion::default(),
            ids: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            stuck: BTreeSet::new(),
            waiting: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            effects: Vec::new(),
            next_token: 0,
            spare_producer_id: None,
        }
    }

    /// Takes the cluster's `transaction.version`.
    pub fn set_version(&mut self, version: TransactionVersion) {
        self.version = version;
    }

    /// Whether an event may find no producer id to give. Without one it is answered
    /// [`TransactionError::CoordinatorNotAvailable`], or waits for the next look at the time.
    pub fn lacks_producer_id(&self) -> bool {
        self.spare_producer_id.is_none()
    }

    /// Puts a producer id that nobody has by for the event that needs one.
    pub fn give_producer_id(&mut self, producer_id: i64) {
        self.spare_producer_id = Some(producer_id);
    }

    pub(super) fn take_producer_id(&mut self) -> Result<i64, TransactionError> {
        let spare = self.spare_producer_id.take();
        spare.ok_or(TransactionError::CoordinatorNotAvailable)
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect<R>> {
        std::mem::take(&mut self.effects)
    }

    pub(super) fn answer(
        &mut self,
        reply: R,
        answer: Result<ProducerIdAndEpoch, TransactionError>,
    ) {
        self.effects.push(Effect::Answer(reply, answer));
    }

    pub(super) fn append(
        &mut self,
        records: Vec<TransactionRecord>,
        durable: bool,
        waiting: Waiting<R>,
    ) {
        let token = self.next_token;
        self.next_token += 1;
        self.waiting.insert(token, waiting);
        self.effects.push(Effect::Append {
            token,
            records,
            durable,
        });
    }

    /// Has an id become `next` once that is written.
    pub(super) fn transition(
        &mut self,
        transactional_id: &str,
        next: Metadata,
        reply: Option<(R, Result<ProducerIdAndEpoch, TransactionError>)>,
    ) {
        let Some(entry) = self.ids.get_mut(transactional_id) else {
            unreachable!("{transactional_id} has no state to leave");
        };
        assert!(
            !entry.is_pending,
            "{transactional_id} is on its way already"
        );
        entry.is_pending = true;
        let is_complete = entry.metadata.state.is_prepared();
        let record = records::value_record(transactional_id, &next, self.version);
        self.append(
            vec![record],
            !is_complete,
            Waiting::Transition {
                transactional_id: transactional_id.to_owned(),
                next,
                reply,
            },
        );
    }

    /// Says how an append went.
    pub fn appended(
        &mut self,
        now: Now,
        token: u64,
        outcome: Result<(), TransactionError>,
    ) -> Vec<Effect<R>> {
        match self.waiting.remove(&token) {
            Some(Waiting::Transition {
                transactional_id,
                next,
                reply,
            }) => {
                self.transitioned(now, &transactional_id, next, outcome);
                if let Some((reply, answer)) = reply {
                    self.answer(reply, outcome.and(answer));
                }
                self.answer_if_settled(&transactional_id);
            }
            Some(Waiting::Expiry { transactional_ids }) => {
                for id in transactional_ids {
                    if outcome.is_ok() {
                        self.ids.remove(&id);
                    } else if let Some(entry) = self.ids.get_mut(&id) {
                        entry.is_pending = false;
                    }
                    self.answer_if_settled(&id);
                }
            }
            None => unreachable!("append {token} has ended before"),
        }
        self.take_effects()
    }

    fn transitioned(
        &mut self,
        now: Now,
        id: &str,
        next: Metadata,
        outcome: Result<(), TransactionError>,
    ) {
        let Some(entry) = self.ids.get_mut(id) else {
            unreachable!("{id} was forgotten during a transition");
        };
        assert!(entry.is_pending, "{id} ends a transition that is not there");
        entry.is_pending = false;
        if outcome.is_err() {
            // As it was; an id that was only just made is not kept.
            if entry.metadata.producer_epoch == NO_EPOCH {
                self.ids.remove(id);
            } else if entry.metadata.state.is_prepared() {
                self.stuck.insert(id.to_owned());
            }
            return;
        }
        assert!(
            entry.metadata.state.may_become(next.state),
            "{id}: {:?} does not become {:?}",
            entry.metadata.state,
            next.state
        );
        let is_open = next.state == TransactionState::Ongoing;
        let is_prepared = next.state.is_prepared();
        let timeout_ms = i64::from(next.timeout_ms);
        entry.metadata = next;
        let deadline_ms = match entry.deadline_ms {
            known if !is_open => {
                if let Some(known) = known {
                    self.deadlines.remove(&(known, id.to_owned()));
                }
                None
            }
            Some(known) => Some(known),
            None => {
                let deadline_ms = now.steady_ms.saturating_add(timeout_ms);
                self.deadlines.insert((deadline_ms, id.to_owned()));
                Some(deadline_ms)
            }
        };
        entry.deadline_ms = deadline_ms;
        if is_prepared {
            self.write_markers(now, id);
        }
    }
}
