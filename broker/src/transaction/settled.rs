//! Waiting until an id is settled: between two states that can be seen, with no markers to be
//! written. Whoever was answered CONCURRENT_TRANSACTIONS need not ask again before that.

use super::coordinator::Coordinator;
use super::{Effect, TransactionError};

/// Waiters for one id. It has one producer, and that has few requests under way; what comes on
/// top are waiters that have given up, which nobody takes out before the id is settled.
pub(super) const WAITERS_PER_ID_MAX: usize = 8;

impl<R> Coordinator<R> {
    /// Answers as soon as `id` is settled, now if it is. Looking and waiting are one event, so that
    /// nothing is missed in between. For how long is up to whoever waits, by dropping its end.
    ///
    /// The answer is not for a producer: its epoch may be the one that only fences.
    ///
    /// Where there is no room, the one that has waited longest is told CONCURRENT_TRANSACTIONS.
    pub fn await_settled(&mut self, id: &str, reply: R) -> Vec<Effect<R>> {
        let waiters = self.unsettled.entry(id.to_owned()).or_default();
        let longest = if waiters.len() == WAITERS_PER_ID_MAX {
            waiters.pop_front()
        } else {
            None
        };
        waiters.push_back(reply);
        if let Some(longest) = longest {
            self.answer(longest, Err(TransactionError::ConcurrentTransactions));
        }
        self.answer_if_settled(id);
        self.take_effects()
    }

    /// Called whenever a transition of `id` has ended, or the id is forgotten.
    pub(super) fn answer_if_settled(&mut self, id: &str) {
        let answer = match self.ids.get(id) {
            Some(entry) if entry.check_settled().is_err() => return,
            Some(entry) => Ok(entry.metadata.identity()),
            None => Err(TransactionError::InvalidProducerIdMapping),
        };
        for reply in self.unsettled.remove(id).into_iter().flatten() {
            self.answer(reply, answer);
        }
    }
}
