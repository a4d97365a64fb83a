//! The memory of a shard's logs: their tails, and what their readers got from the disk.
//!
//! Tails come first: what was appended has nowhere else to be. It is bounded by making new
//! chunks smaller, and old ones go sooner, as it is used up. What readers got lives in the
//! rest, and gives way at once when a tail grows; what was not used for the longest time goes
//! first, whichever log it is of.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::rc::Rc;

use bytes::Bytes;

use super::shelf::Shelf;
use crate::index::Index;

/// The unit in which old data is read and kept, in bytes.
pub(super) const EXTENT_BYTES: u64 = 1 << 20;

/// What extents may use however little memory there is: one reader's, and the next ones.
const EXTENTS_BYTES_MIN: usize = 4 * EXTENT_BYTES as usize;

/// Of what is there for readers, the part that the indexes of sealed segments may use.
const INDEXES_SHARE: usize = 8;

/// Files of sealed segments that a shard keeps open for its readers.
const FILES_MAX: usize = 64;

/// A log while it is open; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LogId(u64);

/// A segment of an open log, by its base offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentId {
    pub log: LogId,
    pub base_offset: i64,
}

/// One [`EXTENT_BYTES`] of a segment, by its number from 0. Of the segment that is written,
/// the last extent grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ExtentId {
    pub segment: SegmentId,
    pub number: u64,
}

impl LogId {
    fn segments(self) -> RangeInclusive<SegmentId> {
        let segment = |base_offset| SegmentId {
            log: self,
            base_offset,
        };
        segment(i64::MIN)..=segment(i64::MAX)
    }
}

fn extents(segments: &RangeInclusive<SegmentId>) -> RangeInclusive<ExtentId> {
    let extent = |&segment, number| ExtentId { segment, number };
    extent(segments.start(), 0)..=extent(segments.end(), u64::MAX)
}

/// The turns of the least recently used up to which a log had a look at what it keeps.
#[derive(Clone, Copy, Default)]
pub(super) struct Turns {
    extents: u64,
    indexes: u64,
    files: u64,
}

/// Memory and files that the logs of a shard share.
pub struct TailBudget {
    limit_bytes: usize,
    tails_bytes: Cell<usize>,
    logs_count: Cell<u64>,
    pub(super) extents: Shelf<ExtentId, Bytes>,
    pub(super) indexes: Shelf<SegmentId, Rc<Index>>,
    /// The files of a shard are all of one type, which is not named here.
    pub(super) files: Shelf<SegmentId, Rc<dyn Any>>,
    /// Files of segments that are written, while they are open.
    open_files_count: Rc<Cell<usize>>,
    /// Extents that were read ahead, and that nobody has asked for yet.
    ahead: RefCell<BTreeSet<ExtentId>>,
}

/// A file that is open, in the count of its shard.
pub(super) struct OpenFile(Rc<Cell<usize>>);

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl TailBudget {
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            tails_bytes: Cell::new(0),
            logs_count: Cell::new(0),
            extents: Shelf::new(),
            indexes: Shelf::new(),
            files: Shelf::new(),
            open_files_count: Rc::default(),
            ahead: RefCell::default(),
        }
    }

    /// How many logs of the shard have the file open that they write.
    pub fn open_files_count(&self) -> usize {
        self.open_files_count.get()
    }

    /// Counts a file as open until the token is dropped.
    pub(super) fn open_file(&self) -> OpenFile {
        self.open_files_count.set(self.open_files_count.get() + 1);
        OpenFile(Rc::clone(&self.open_files_count))
    }

    /// What tails and readers use together, in bytes.
    pub fn used_bytes(&self) -> usize {
        self.tails_bytes.get() + self.readers_bytes()
    }

    pub(super) fn free_bytes(&self) -> usize {
        self.limit_bytes.saturating_sub(self.tails_bytes.get())
    }

    /// Whether tails should give back what they can.
    pub(super) fn is_scarce(&self) -> bool {
        self.tails_bytes.get() > self.limit_bytes / 2
    }

    /// Takes memory for a tail.
    pub(super) fn take(&self, bytes: usize) {
        self.tails_bytes.set(self.tails_bytes.get() + bytes);
        self.make_room();
    }

    /// Gives back a tail's memory.
    pub(super) fn give_back(&self, bytes: usize) {
        let before = self.tails_bytes.get();
        assert!(bytes <= before, "{bytes} of {before} bytes are given back");
        self.tails_bytes.set(before - bytes);
    }

    pub(super) fn next_log(&self) -> LogId {
        self.logs_count.set(self.logs_count.get() + 1);
        LogId(self.logs_count.get())
    }

    fn readers_bytes(&self) -> usize {
        self.extents.weight() + self.indexes.weight()
    }

    fn readers_bytes_max(&self) -> usize {
        self.free_bytes().max(EXTENTS_BYTES_MIN)
    }

    /// Lets go of what is kept for readers, down to what they may use.
    pub(super) fn make_room(&self) {
        let bytes_max = self.readers_bytes_max();
        while self.indexes.weight() > bytes_max / INDEXES_SHARE && self.indexes.len() > 1 {
            self.indexes.pop_oldest();
        }
        while self.readers_bytes() > bytes_max {
            let Some(oldest) = self.extents.pop_oldest() else {
                break;
            };
            self.ahead.borrow_mut().remove(&oldest);
        }
        while self.files.len() > FILES_MAX {
            self.files.pop_oldest();
        }
    }

    /// Whether an extent may be read before anybody asks for it. What was read ahead takes
    /// half of the room at most: more would push itself out before it is used.
    pub(super) fn may_read_ahead(&self) -> bool {
        let extents_max = self.readers_bytes_max() / EXTENT_BYTES as usize;
        self.ahead.borrow().len() < extents_max / 2
    }

    pub(super) fn note_ahead(&self, id: ExtentId) {
        self.ahead.borrow_mut().insert(id);
    }

    pub(super) fn note_asked(&self, id: ExtentId) {
        self.ahead.borrow_mut().remove(&id);
    }

    /// Closes the files of sealed segments; whether there were any.
    pub(super) fn close_files(&self) -> bool {
        let mut were_any = false;
        while self.files.pop_oldest().is_some() {
            were_any = true;
        }
        were_any
    }

    /// Lets go of everything of a log: it is cut, closed or deleted.
    pub(super) fn forget_log(&self, log: LogId) {
        self.forget(log.segments());
    }

    /// Lets go of everything of a segment: it is dropped. An open file would keep its space.
    pub(super) fn forget_segment(&self, segment: SegmentId) {
        self.forget(segment..=segment);
    }

    fn forget(&self, segments: RangeInclusive<SegmentId>) {
        let extents = extents(&segments);
        self.extents.forget(extents.clone());
        self.ahead.borrow_mut().retain(|id| !extents.contains(id));
        self.indexes.forget(segments.clone());
        self.files.forget(segments);
    }

    /// Lets go of what no reader of a log has used since `turns`; returns the turns of now.
    pub(super) fn release_unused(&self, log: LogId, turns: Turns) -> Turns {
        let segments = log.segments();
        let extents = extents(&segments);
        self.extents.release(extents.clone(), turns.extents);
        let is_gone = |id: &ExtentId| extents.contains(id) && !self.extents.is_known(id);
        self.ahead.borrow_mut().retain(|id| !is_gone(id));
        self.indexes.release(segments.clone(), turns.indexes);
        self.files.release(segments, turns.files);
        Turns {
            extents: self.extents.turn(),
            indexes: self.indexes.turn(),
            files: self.files.turn(),
        }
    }
}

impl std::fmt::Debug for TailBudget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TailBudget")
            .field("limit_bytes", &self.limit_bytes)
            .field("tails_bytes", &self.tails_bytes.get())
            .field("readers_bytes", &self.readers_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(log: LogId, number: u64) -> ExtentId {
        let segment = SegmentId {
            log,
            base_offset: 0,
        };
        ExtentId { segment, number }
    }

    fn keep(budget: &TailBudget, id: ExtentId) {
        let bytes = Bytes::from(vec![0; EXTENT_BYTES as usize]);
        let loading = budget.extents.begin(id, bytes.len(), bytes.len());
        loading.end(Ok(bytes), Some(EXTENT_BYTES as usize));
        budget.make_room();
    }

    #[test]
    fn extents_of_all_logs_use_what_tails_leave_and_give_way_to_them() {
        let budget = TailBudget::new(16 << 20);
        let (one, other) = (budget.next_log(), budget.next_log());
        for number in 0..10 {
            keep(&budget, extent(one, number));
            keep(&budget, extent(other, number));
        }
        assert_eq!(budget.used_bytes(), 16 << 20);
        assert!(!budget.extents.is_known(&extent(one, 1)));
        assert!(budget.extents.is_known(&extent(other, 2)));
        budget.take(10 << 20);
        assert_eq!(budget.used_bytes(), 16 << 20);
        budget.take(10 << 20);
        assert_eq!(budget.readers_bytes(), EXTENTS_BYTES_MIN);
        budget.forget_log(other);
        assert_eq!(budget.readers_bytes(), EXTENTS_BYTES_MIN / 2);
        budget.give_back(20 << 20);
        budget.forget_log(one);
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn what_is_read_ahead_takes_half_of_the_room() {
        let budget = TailBudget::new(0);
        let log = budget.next_log();
        for number in 0..2 {
            assert!(budget.may_read_ahead());
            budget.note_ahead(extent(log, number));
            keep(&budget, extent(log, number));
        }
        assert!(!budget.may_read_ahead());
        budget.note_asked(extent(log, 0));
        assert!(budget.may_read_ahead());
        budget.note_ahead(extent(log, 2));
        assert!(!budget.may_read_ahead());
        // What has to go was not asked for: it counts no more.
        for number in 10..14 {
            keep(&budget, extent(log, number));
        }
        assert!(budget.may_read_ahead());
    }
}
