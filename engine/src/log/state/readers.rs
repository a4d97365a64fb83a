//! What a log keeps for its readers. All of it may be forgotten at any time, but for the
//! number of those that read at the end.

use std::collections::VecDeque;

use super::super::budget::Turns;
use super::super::place::{BatchEnd, Place};

/// How many places of the log where readers stopped are remembered.
const READ_ENDS_MAX: usize = 64;

#[derive(Default)]
pub(in crate::log) struct Readers {
    /// Where readers stopped, as (offset, place): the next read begins there.
    read_ends: VecDeque<(i64, Place)>,
    /// What the shard keeps for this log was looked through last at these turns.
    pub turns: Turns,
    /// The shard keeps nothing more for this log.
    is_closed: bool,
    /// How often a truncation, or a swap of segments, began or ended.
    cuts: u64,
    /// Where the log will end when the truncation under way is done.
    cutting: Option<BatchEnd>,
    /// Segments are giving their places to another: no file of one is opened meanwhile.
    is_swapping: bool,
    /// Readers at the end: while there are any, what is written is flushed unasked.
    tail_readers: usize,
}

impl Readers {
    /// Changes with every truncation and every swap of segments: what was read before is worth
    /// nothing then.
    pub fn cuts(&self) -> u64 {
        self.cuts
    }

    /// What is being cut off may not be read: it begins here.
    pub fn cutting(&self) -> Option<BatchEnd> {
        self.cutting
    }

    /// What comes after `end` is going to be cut off.
    pub fn truncation_began(&mut self, end: BatchEnd) {
        self.cuts += 1;
        self.cutting = Some(end);
    }

    pub fn is_swapping(&self) -> bool {
        self.is_swapping
    }

    /// From here on a name may lead to one file or to another.
    pub fn swap_began(&mut self) {
        self.cuts += 1;
        self.is_swapping = true;
        self.read_ends.clear();
    }

    pub(super) fn swap_ended(&mut self) {
        self.cuts += 1;
        self.is_swapping = false;
        self.read_ends.clear();
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    pub fn close(&mut self) {
        self.is_closed = true;
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

    pub(super) fn truncated(&mut self) {
        self.cuts += 1;
        self.cutting = None;
        self.read_ends.clear();
    }
}
