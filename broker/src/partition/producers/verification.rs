//! Guards of verifications that are under way (KIP-890).
//!
//! A batch that would begin a transaction in the partition is appended only if the coordinator
//! has said that the partition is part of it. Between its answer and the append a marker may
//! come, of another shard, and the batch would be left without one: the last stable offset
//! would stay before it for ever (KAFKA-12671). So a guard is taken before the coordinator is
//! asked, and shown with the append; any marker or first batch of the producer ends it. No two
//! are alike: an answer from before a marker is of no use to a later transaction.

use std::collections::HashMap;

/// Verifications under way in a partition at most; the one that was begun first gives way, and
/// its batch is refused.
const VERIFICATIONS_MAX: usize = 10_000;

/// The right to append the first batch of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

/// What speaks for a transactional batch, where its transaction is not open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    #[default]
    None,
    /// The coordinator has confirmed what was asked under this guard.
    Confirmed(VerificationGuard),
    /// It is not asked for (`transaction.partition.verification.enable`).
    Waived,
}

/// The batch that is to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationRequest {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    /// Each transaction of the producer has an epoch of its own (`transaction.version` 2).
    pub bumps_epochs: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Verifications {
    under_way: HashMap<i64, UnderWay>,
    next: u64,
}

#[derive(Clone, Debug)]
struct UnderWay {
    guard: VerificationGuard,
    epoch: i16,
    /// The smallest sequence that was asked for: no later one may be the first.
    lowest_sequence: i32,
    bumps_epochs: bool,
    began_ms: i64,
}

impl Verifications {
    /// The guard of a producer: the same one for all its batches until it ends.
    pub fn begin(&mut self, request: VerificationRequest, now_ms: i64) -> VerificationGuard {
        let id = request.producer_id;
        let sequence = request.base_sequence;
        if self.under_way.len() >= VERIFICATIONS_MAX && !self.under_way.contains_key(&id) {
            self.end_oldest();
        }
        let next = &mut self.next;
        let known = self.under_way.entry(id).or_insert_with(|| {
            *next += 1;
            UnderWay {
                guard: VerificationGuard(*next),
                epoch: request.producer_epoch,
                lowest_sequence: sequence,
                bumps_epochs: request.bumps_epochs,
                began_ms: now_ms,
            }
        });
        if request.producer_epoch > known.epoch {
            known.epoch = request.producer_epoch;
            known.lowest_sequence = sequence;
        } else if request.producer_epoch == known.epoch {
            known.lowest_sequence = known.lowest_sequence.min(sequence);
        }
        known.guard
    }

    /// Whether a first batch may be appended.
    pub fn passed(&self, producer_id: i64, verification: Verification) -> Option<()> {
        match verification {
            Verification::Waived => Some(()),
            Verification::None => None,
            Verification::Confirmed(guard) => {
                let known = self.under_way.get(&producer_id)?;
                (known.guard == guard).then_some(())
            }
        }
    }

    /// The largest sequence that a first batch may have, where one is under way. `is_empty`:
    /// no batch of the producer is remembered.
    pub fn sequence_max(&self, producer_id: i64, is_empty: bool) -> Option<i32> {
        let known = self.under_way.get(&producer_id)?;
        let is_first = known.bumps_epochs && is_empty;
        Some(if is_first { 0 } else { known.lowest_sequence })
    }

    pub fn end(&mut self, producer_id: i64) {
        self.under_way.remove(&producer_id);
    }

    pub fn expire(&mut self, is_over: impl Fn(i64) -> bool) {
        self.under_way.retain(|_, known| !is_over(known.began_ms));
    }

    fn end_oldest(&mut self) {
        let under_way = self.under_way.iter();
        let oldest = under_way.min_by_key(|(_, known)| known.guard.0);
        if let Some(id) = oldest.map(|(&id, _)| id) {
            self.under_way.remove(&id);
        }
    }
}
