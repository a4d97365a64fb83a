//! InitProducerId: an id gets a producer id and an epoch, and whoever had it before is fenced.

use super::coordinator::{Coordinator, Entry};
use super::metadata::{EPOCH_MAX, Metadata, NO_EPOCH};
use super::{Effect, Now, ProducerIdAndEpoch, TransactionError, TransactionState};

#[derive(Clone, Debug)]
pub struct InitProducer {
    pub transactional_id: String,
    pub timeout_ms: i32,
    /// Who the producer was: it recovers from an error (KIP-360).
    pub expected: Option<ProducerIdAndEpoch>,
}

impl<R> Coordinator<R> {
    pub fn init_producer(&mut self, now: Now, request: InitProducer, reply: R) -> Vec<Effect<R>> {
        match self.next_producer(now, &request) {
            Ok(Step::Begins(next)) => {
                let identity = next.identity();
                self.transition(&request.transactional_id, next, Some((reply, Ok(identity))));
            }
            Ok(Step::Fences) => {
                // The epoch that fences is told to nobody: the retry gets the one after it.
                let answer = Err(TransactionError::ConcurrentTransactions);
                self.abort(now, &request.transactional_id, Some((reply, answer)));
            }
            Err(error) => self.answer(reply, Err(error)),
        }
        self.take_effects()
    }

    fn next_producer(
        &mut self,
        now: Now,
        request: &InitProducer,
    ) -> Result<Step, TransactionError> {
        if request.transactional_id.is_empty() {
            return Err(TransactionError::InvalidRequest);
        }
        let (timeout_ms, expected) = (request.timeout_ms, request.expected);
        if timeout_ms <= 0 || timeout_ms > self.config.timeout_ms_max {
            return Err(TransactionError::InvalidTransactionTimeout);
        }
        let Some(entry) = self.ids.get(&request.transactional_id) else {
            let created = Metadata::new(self.take_producer_id()?, timeout_ms, now.wall_ms);
            let expected = expected.map(|expected| expected.producer_epoch);
            let next = created.with_next_epoch(timeout_ms, expected, now.wall_ms)?;
            let id = request.transactional_id.clone();
            self.ids.insert(id, Entry::new(created));
            return Ok(Step::Begins(next));
        };
        entry.check_settled()?;
        let metadata = entry.metadata.clone();
        if expected.is_some_and(|expected| !is_known(&metadata, expected)) {
            return Err(TransactionError::ProducerFenced);
        }
        if metadata.state == TransactionState::Ongoing {
            return Ok(Step::Fences);
        }
        let epoch = expected.map(|expected| expected.producer_epoch);
        if metadata.is_epoch_exhausted() && epoch.is_none_or(|e| e == metadata.producer_epoch) {
            let producer_id = self.take_producer_id()?;
            let recovers = expected.is_some();
            let next =
                metadata.with_new_producer_id(producer_id, timeout_ms, recovers, now.wall_ms);
            return Ok(Step::Begins(next));
        }
        let next = metadata.with_next_epoch(timeout_ms, epoch, now.wall_ms)?;
        Ok(Step::Begins(next))
    }
}

enum Step {
    Begins(Metadata),
    /// A transaction is open and is aborted first.
    Fences,
}

/// Whether the producer that recovers is the one that the id has: its epoch is looked at when it
/// is raised. Or the one before it, if the epochs of that one were used up.
fn is_known(metadata: &Metadata, expected: ProducerIdAndEpoch) -> bool {
    metadata.producer_epoch == NO_EPOCH
        || expected.producer_id == metadata.producer_id
        || expected.producer_id == metadata.previous_producer_id
            && expected.producer_epoch >= EPOCH_MAX
}
