//! EndTxn: a transaction is decided, by its producer or for it.

use super::add::check_producer;
use super::coordinator::Coordinator;
use super::metadata::{EPOCH_MAX, Metadata, NO_PRODUCER_ID};
use super::{
    Effect, Now, ProducerIdAndEpoch, TransactionError, TransactionState, TransactionVersion,
};

#[derive(Clone, Debug)]
pub struct EndTransaction {
    pub transactional_id: String,
    pub producer: ProducerIdAndEpoch,
    pub commits: bool,
    /// Of the request: up to EndTxn v4 each transaction of a producer has the same epoch.
    pub version: TransactionVersion,
}

/// What comes of an EndTxn that is not refused.
enum Step {
    Decides,
    /// A retry: it was decided so before.
    Decided,
}

impl<R> Coordinator<R> {
    pub fn end_transaction(
        &mut self,
        now: Now,
        request: EndTransaction,
        reply: R,
    ) -> Vec<Effect<R>> {
        let id = &request.transactional_id;
        match self.step(&request) {
            Ok(Step::Decided) => {
                let identity = self.ids.get(id).map(|entry| entry.metadata.identity());
                let identity = identity.ok_or(TransactionError::InvalidProducerIdMapping);
                self.answer(reply, identity);
            }
            Ok(Step::Decides) => match self.decided(now, &request) {
                Ok(next) => {
                    // At once the next one: what is decided cannot be undone (KAFKA-18660).
                    let identity = next.identity_when_complete();
                    self.transition(id, next, Some((reply, Ok(identity))));
                }
                Err(error) => self.answer(reply, Err(error)),
            },
            Err(error) => self.answer(reply, Err(error)),
        }
        self.take_effects()
    }

    fn step(&self, request: &EndTransaction) -> Result<Step, TransactionError> {
        if request.transactional_id.is_empty() {
            return Err(TransactionError::InvalidRequest);
        }
        let entry = self.ids.get(&request.transactional_id);
        let entry = entry.ok_or(TransactionError::InvalidProducerIdMapping)?;
        entry.check_settled()?;
        if request.version.raises_epoch() {
            step_with_an_epoch_each(&entry.metadata, request)
        } else {
            step_with_one_epoch(&entry.metadata, request)
        }
    }

    fn decided(
        &mut self,
        now: Now,
        request: &EndTransaction,
    ) -> Result<Metadata, TransactionError> {
        let Some(entry) = self.ids.get(&request.transactional_id) else {
            return Err(TransactionError::InvalidProducerIdMapping);
        };
        let metadata = entry.metadata.clone();
        let state = if request.commits {
            TransactionState::PrepareCommit
        } else {
            TransactionState::PrepareAbort
        };
        let next_producer_id = self.next_producer_id(&metadata, request.version)?;
        Ok(metadata.prepared(state, request.version, next_producer_id, now.wall_ms))
    }

    /// The producer id that takes over if raising the epoch uses it up.
    fn next_producer_id(
        &mut self,
        metadata: &Metadata,
        version: TransactionVersion,
    ) -> Result<i64, TransactionError> {
        if version.raises_epoch() && metadata.is_epoch_exhausted() {
            return self.take_producer_id();
        }
        Ok(NO_PRODUCER_ID)
    }

    /// Aborts an open transaction whose producer has not asked for it: it is taken over, or timed
    /// out. The producer is fenced by the epoch, which is raised once (KAFKA-19367).
    pub(super) fn abort(
        &mut self,
        now: Now,
        id: &str,
        reply: Option<(R, Result<ProducerIdAndEpoch, TransactionError>)>,
    ) {
        let Some(entry) = self.ids.get(id) else {
            unreachable!("{id} has nothing to abort");
        };
        let metadata = entry.metadata.clone();
        assert!(
            metadata.state == TransactionState::Ongoing && !entry.is_pending,
            "{id} is {:?}, there is nothing to abort",
            metadata.state
        );
        if !self.version.raises_epoch() {
            return self.transition(id, metadata.fenced(now.wall_ms), reply);
        }
        match self.next_producer_id(&metadata, self.version) {
            Ok(next_producer_id) => {
                let state = TransactionState::PrepareAbort;
                let next = metadata.prepared(state, self.version, next_producer_id, now.wall_ms);
                self.transition(id, next, reply);
            }
            Err(error) => {
                if let Some((reply, _)) = reply {
                    self.answer(reply, Err(error));
                }
            }
        }
    }
}

/// EndTxn up to v4. All transactions of a producer have one epoch, so that a late request cannot
/// be told from the next one's: that is what version 2 is for.
fn step_with_one_epoch(
    metadata: &Metadata,
    request: &EndTransaction,
) -> Result<Step, TransactionError> {
    check_producer(metadata, request.producer)?;
    match (metadata.state, request.commits) {
        (TransactionState::Ongoing, _) => Ok(Step::Decides),
        (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => {
            Ok(Step::Decided)
        }
        _ => Err(TransactionError::InvalidTxnState),
    }
}

/// EndTxn from v5 (KIP-890). A request of the epoch before is a retry; one of the current epoch is
/// about the transaction that is open, or about none: an abort of none raises the epoch.
fn step_with_an_epoch_each(
    metadata: &Metadata,
    request: &EndTransaction,
) -> Result<Step, TransactionError> {
    let ProducerIdAndEpoch {
        producer_id,
        producer_epoch,
    } = request.producer;
    let has_new_producer_id = producer_id == metadata.previous_producer_id
        && producer_id != metadata.producer_id
        && producer_epoch == EPOCH_MAX
        && metadata.producer_epoch == 0;
    if producer_id != metadata.producer_id && !has_new_producer_id {
        return Err(TransactionError::InvalidProducerIdMapping);
    }
    // The epoch above the last one only fences: a takeover has it, no decision of this producer.
    let has_next_epoch =
        producer_epoch < EPOCH_MAX && producer_epoch + 1 == metadata.producer_epoch;
    let is_retry = has_new_producer_id || has_next_epoch;
    let is_current = !has_new_producer_id && producer_epoch == metadata.producer_epoch;
    match metadata.state {
        _ if !is_retry && !is_current => Err(TransactionError::ProducerFenced),
        TransactionState::Ongoing | TransactionState::Empty if is_retry => {
            Err(TransactionError::ProducerFenced)
        }
        TransactionState::Ongoing => Ok(Step::Decides),
        TransactionState::CompleteCommit if is_retry && request.commits => Ok(Step::Decided),
        TransactionState::CompleteAbort if is_retry && !request.commits => Ok(Step::Decided),
        _ if is_current && !request.commits => Ok(Step::Decides),
        _ => Err(TransactionError::InvalidTxnState),
    }
}
