//! The transactions of a partition: those that are open, and those whose marker is not known to
//! be committed. Both hold the last stable offset back.
//!
//! Invariants:
//! - Markers are noted in the order of their offsets.
//! - The last stable offset never goes back: a transaction begins at the end of the log, and
//!   one whose marker is taken back was undecided until then.

use std::collections::{BTreeMap, VecDeque};

use super::Producer;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Transactions {
    /// Without a marker: the first offset of each, and its producer.
    open: BTreeMap<i64, i64>,
    /// With a marker that is not committed yet, in the order of the markers.
    decided: VecDeque<Decided>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    pub producer_id: i64,
    /// `None` where there was no data.
    pub first_offset: Option<i64>,
    pub marker_offset: i64,
    /// What was known of the producer before the marker, for when the marker is taken back. Not
    /// kept across a restart, after which nothing is.
    pub before: Option<Producer>,
}

impl Transactions {
    pub fn began(&mut self, producer_id: i64, first_offset: i64) {
        let earlier = self.open.insert(first_offset, producer_id);
        assert!(
            earlier.is_none(),
            "two transactions begin at {first_offset}"
        );
    }

    /// A marker was appended for a transaction that began at `first_offset`.
    pub fn decided(
        &mut self,
        producer_id: i64,
        marker_offset: i64,
        first_offset: Option<i64>,
        before: Option<Producer>,
    ) {
        if let Some(first_offset) = first_offset {
            let known = self.open.remove(&first_offset);
            assert_eq!(
                known,
                Some(producer_id),
                "no transaction began at {first_offset}"
            );
        }
        let last = self.decided.back().map(|last| last.marker_offset);
        assert!(
            last < Some(marker_offset),
            "a marker at {marker_offset} comes after one at {last:?}"
        );
        self.decided.push_back(Decided {
            producer_id,
            first_offset,
            marker_offset,
            before,
        });
    }

    pub fn committed_up_to(&mut self, offset: i64) {
        while let Some(first) = self.decided.front()
            && first.marker_offset < offset
        {
            self.decided.pop_front();
        }
    }

    pub fn first_open(&self) -> Option<i64> {
        self.open.keys().next().copied()
    }

    pub fn first_unstable(&self) -> Option<i64> {
        let decided = self.decided.iter().filter_map(|d| d.first_offset);
        self.first_open().into_iter().chain(decided).min()
    }

    /// What is at `offset` or later is not in the log any more. Returns what was known before
    /// of the producers whose markers are taken back, the newest first.
    pub fn take_back(&mut self, offset: i64) -> Vec<(i64, Option<Producer>)> {
        let mut before = Vec::new();
        while let Some(last) = self
            .decided
            .pop_back_if(|last| last.marker_offset >= offset)
        {
            if let Some(first_offset) = last.first_offset {
                self.open.insert(first_offset, last.producer_id);
            }
            before.push((last.producer_id, last.before));
        }
        self.open.split_off(&offset);
        before
    }

    /// Those whose marker is not committed, and that have data.
    pub fn undecided_for_consumers(&self) -> impl Iterator<Item = (i64, i64, i64)> {
        let decided = self.decided.iter();
        decided.filter_map(|d| Some((d.producer_id, d.first_offset?, d.marker_offset)))
    }

    /// As a snapshot tells it.
    pub fn restored(open: BTreeMap<i64, i64>, decided: VecDeque<Decided>) -> Self {
        Self { open, decided }
    }
}
