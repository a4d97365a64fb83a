//! Which batches were aborted, and which markers have nothing left to mark (KIP-98, KIP-534).
//!
//! A marker may go when no batch of its transaction was seen since the beginning of the log.
//! Markers are never told apart by their keys: two of them have the same (KAFKA-14055). What
//! was seen is kept from one segment, and one group, to the next (KAFKA-8351).

use std::collections::HashSet;

use naru_record_batch::{BatchHeader, EndTransactionMarker, TransactionResult};

use crate::index::AbortedTransaction;

/// The aborted transactions of what is cleaned.
#[derive(Clone, Debug, Default)]
pub(super) struct Aborted {
    /// By producer, then by first offset.
    by_producer: Vec<AbortedTransaction>,
    /// In the order of their markers.
    by_marker: Vec<AbortedTransaction>,
}

impl Aborted {
    pub fn new(mut all: Vec<AbortedTransaction>) -> Self {
        let mut by_producer = all.clone();
        by_producer.sort_by_key(|a| (a.producer_id, a.first_offset));
        all.sort_by_key(|a| a.last_offset);
        Self {
            by_producer,
            by_marker: all,
        }
    }

    /// Whether a batch of data is of one of them.
    pub fn holds(&self, header: &BatchHeader) -> bool {
        if !header.attributes.is_transactional() {
            return false;
        }
        let (producer_id, offset) = (header.producer_id, header.base_offset);
        let all = &self.by_producer;
        let after =
            all.partition_point(|a| (a.producer_id, a.first_offset) <= (producer_id, offset));
        let last = after.checked_sub(1).and_then(|at| all.get(at));
        last.is_some_and(|a| a.producer_id == producer_id && offset <= a.last_offset)
    }

    /// The one that a marker at `offset` has aborted.
    pub fn by_marker(&self, offset: i64) -> Option<AbortedTransaction> {
        let at = self
            .by_marker
            .binary_search_by_key(&offset, |a| a.last_offset);
        at.ok().and_then(|at| self.by_marker.get(at)).copied()
    }
}

/// What must be left of a producer, so that its sequences and its epoch are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastOfProducer {
    /// The last offset of its last batch of data, if it has one.
    pub last_data_offset: Option<i64>,
    pub epoch: i16,
}

/// What was seen of transactions on the way through a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Transactions {
    /// Producers of whose open transaction a batch was seen, by how it will end.
    committed: HashSet<i64>,
    aborted: HashSet<i64>,
}

/// What becomes of a batch on account of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Stays,
    /// It is data that nobody may read.
    Aborted,
    /// It is a marker of nothing: it goes once its delete horizon has passed.
    Spent,
}

impl Transactions {
    /// Looks at the next batch.
    pub fn see(&mut self, header: &BatchHeader, batch: &[u8], aborted: &Aborted) -> Verdict {
        let producer_id = header.producer_id;
        if !header.attributes.is_control() {
            if !header.attributes.is_transactional() {
                return Verdict::Stays;
            }
            if aborted.holds(header) {
                self.aborted.insert(producer_id);
                return Verdict::Aborted;
            }
            self.committed.insert(producer_id);
            return Verdict::Stays;
        }
        // An empty one was cleaned before.
        if header.is_empty() {
            return Verdict::Spent;
        }
        let marker = EndTransactionMarker::parse(header, batch);
        let has_data = match marker.map(|marker| marker.result) {
            Some(TransactionResult::Abort) => self.aborted.remove(&producer_id),
            Some(TransactionResult::Commit) => self.committed.remove(&producer_id),
            // Of another kind: not ours to judge.
            None => true,
        };
        match has_data {
            true => Verdict::Stays,
            false => Verdict::Spent,
        }
    }
}
