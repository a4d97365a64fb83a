//! What a log keeps for its readers. All of it may be forgotten at any time, but for the
//! number of those that read at the end.

use std::collections::VecDeque;

use super::super::TailBudget;
use super::super::place::Place;
use super::super::readahead::ReadAheads;

/// How many places of the log where readers stopped are remembered.
const READ_ENDS_MAX: usize = 16;

#[derive(Default)]
pub(in crate::log) struct Readers {
    /// Where readers stopped, as (offset, place): the next read begins there.
    read_ends: VecDeque<(i64, Place)>,
    pub read_aheads: ReadAheads,
    /// How often the log was truncated.
    cuts: u64,
    /// Readers at the end: while there are any, what is written is flushed unasked.
    tail_readers: usize,
}

impl Readers {
    /// Changes with every truncation: what was read before is worth nothing then.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Where a reader stopped before `offset`, if that is remembered.
    pub fn read_end(&self, offset: i64) -> Option<Place> {
        let known = self.read_ends.iter().find(|(known, _)| *known == offset);
        known.map(|&(_, place)| place)
    }

    pub fn remember_read_end(&mut self, offset: i64, place: Place) {
        if self.read_end(offset) == Some(place) {
            return;
        }
        // One that is known at another place is known from before a roll.
        self.read_ends.retain(|&(known, _)| known != offset);
        if self.read_ends.len() == READ_ENDS_MAX {
            self.read_ends.pop_front();
        }
        self.read_ends.push_back((offset, place));
    }

    pub fn has_tail_readers(&self) -> bool {
        self.tail_readers > 0
    }

    pub fn tail_reader_came(&mut self) {
        self.tail_readers += 1;
    }

    pub fn tail_reader_left(&mut self) {
        assert!(self.tail_readers > 0, "a tail reader left twice");
        self.tail_readers -= 1;
    }

    pub(super) fn truncated(&mut self, budget: &TailBudget) {
        self.cuts += 1;
        self.read_ends.clear();
        self.read_aheads.cut(budget);
    }
}
