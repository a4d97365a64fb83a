//! How far a log is appended, written and flushed, and who works on it.
//!
//! Invariant: flushed ≤ written ≤ end, as offsets and as places. The written bytes may reach
//! into a batch; `written` is where the last batch ends that lies before that whole.

use std::collections::VecDeque;

use super::super::place::{BatchEnd, Place};

pub(in crate::log) struct Durability {
    /// Where the last appended batch ends.
    end: BatchEnd,
    /// The batches that are not written, oldest first.
    unwritten: VecDeque<Unwritten>,
    /// Where the written bytes end; may be within a batch.
    write_place: Place,
    /// All before it survives the death of the process.
    written: BatchEnd,
    /// All before it survives a power cut.
    flushed: BatchEnd,
    /// Somebody waits until everything below this offset is flushed.
    flush_wanted: i64,
    is_writing: bool,
    is_flushing: bool,
    /// What the last flushed mark said, and the block (of two) that the next one goes to.
    marked: Place,
    mark_turn: u64,
    /// What recovery would have to read, were the process to die now, in bytes.
    recovery_debt_bytes: u64,
}

/// A batch that is not written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwritten {
    pub end: BatchEnd,
    /// The largest timestamp of its segment before it came, in ms.
    pub max_timestamp_before_ms: i64,
}

impl Durability {
    /// Recovery has flushed all that it found.
    pub fn recovered(end: BatchEnd, recovery_debt_bytes: u64) -> Self {
        Self {
            end,
            unwritten: VecDeque::new(),
            write_place: end.place,
            written: end,
            flushed: end,
            flush_wanted: end.next_offset,
            is_writing: false,
            is_flushing: false,
            marked: end.place,
            mark_turn: 0,
            recovery_debt_bytes,
        }
    }

    pub fn end(&self) -> BatchEnd {
        self.end
    }

    pub fn write_place(&self) -> Place {
        self.write_place
    }

    pub fn written(&self) -> BatchEnd {
        self.written
    }

    pub fn flushed(&self) -> BatchEnd {
        self.flushed
    }

    pub fn is_writing(&self) -> bool {
        self.is_writing
    }

    pub fn is_flushing(&self) -> bool {
        self.is_flushing
    }

    pub fn is_flush_demanded(&self) -> bool {
        self.flush_wanted > self.flushed.next_offset
    }

    pub fn demand_flush(&mut self, offset: i64) {
        self.flush_wanted = self.flush_wanted.max(offset);
    }

    /// Says that the writer runs; whether it did before.
    pub fn start_writing(&mut self) -> bool {
        std::mem::replace(&mut self.is_writing, true)
    }

    pub fn stop_writing(&mut self) {
        self.is_writing = false;
    }

    pub fn start_flushing(&mut self) {
        self.is_flushing = true;
    }

    pub fn stop_flushing(&mut self) {
        self.is_flushing = false;
    }

    /// The mark that is to be written now, and into which of the two blocks, if the last one
    /// says too little: `every_bytes` less than is flushed.
    pub fn next_mark(&mut self, every_bytes: u64) -> Option<(Place, u64)> {
        let flushed = self.flushed.place;
        let is_due = flushed.segment != self.marked.segment
            || flushed.position - self.marked.position >= every_bytes;
        is_due.then(|| {
            self.marked = flushed;
            self.mark_turn += 1;
            (flushed, self.mark_turn % 2)
        })
    }

    pub(super) fn rolled(&mut self, base_offset: i64) {
        self.end.place = Place {
            segment: base_offset,
            position: 0,
        };
    }

    pub(super) fn appended(&mut self, batch: Unwritten, bytes: u64) {
        let end = batch.end;
        assert!(
            self.end.is_within(end) && self.end.next_offset < end.next_offset,
            "appended up to {end:?} after {:?}",
            self.end
        );
        self.unwritten.push_back(batch);
        self.end = end;
        self.recovery_debt_bytes += bytes;
    }

    pub(super) fn file_opened(&mut self, at: Place) {
        assert!(self.write_place <= at, "{at:?} was written before");
        self.write_place = at;
    }

    pub(super) fn written_to(&mut self, to: Place) {
        assert!(
            self.write_place <= to,
            "written up to {to:?} after {:?}",
            self.write_place
        );
        self.write_place = to;
        while let Some(&batch) = self.unwritten.front()
            && batch.end.place <= to
        {
            self.unwritten.pop_front();
            self.written = batch.end;
        }
    }

    /// A flush that began earlier may end after a later one: it then says nothing new.
    pub(super) fn flushed_to(&mut self, to: BatchEnd) {
        if self.flushed.is_within(to) {
            self.flushed = to;
        }
    }

    /// Forgets what is not written, and returns the first of it.
    pub(super) fn take_back(&mut self) -> Option<Unwritten> {
        let first = self.unwritten.front().copied();
        self.unwritten.clear();
        first
    }

    /// What was written of batches that were taken back is cut off: the log ends at `end`,
    /// where the last batch ends that is written whole.
    pub(super) fn taken_back(&mut self, end: BatchEnd, is_file_open: bool) {
        assert!(
            end.next_offset == self.written.next_offset,
            "taken back to {end:?}, but {:?} is written",
            self.written
        );
        self.end = end;
        if is_file_open {
            self.write_place = end.place;
        }
        self.flush_wanted = self.flush_wanted.min(end.next_offset);
    }

    pub fn recovery_debt_bytes(&self) -> u64 {
        self.recovery_debt_bytes
    }

    /// Recovery need not read these any more.
    pub fn recovery_debt_paid(&mut self, bytes: u64) {
        self.recovery_debt_bytes = self.recovery_debt_bytes.saturating_sub(bytes);
    }

    /// Recovery has to read everything.
    pub fn recovery_debt_is(&mut self, bytes: u64) {
        self.recovery_debt_bytes = bytes;
    }

    pub(super) fn truncated(&mut self, end: BatchEnd) {
        (self.end, self.written, self.flushed) = (end, end, end);
        (self.write_place, self.marked) = (end.place, end.place);
        self.flush_wanted = end.next_offset;
        self.unwritten.clear();
    }

    #[track_caller]
    pub(super) fn assert_invariants(&self) {
        let Self {
            end,
            write_place,
            written,
            flushed,
            ..
        } = self;
        assert!(
            flushed.is_within(*written),
            "{flushed:?} is flushed, but only {written:?} written"
        );
        assert!(
            written.is_within(*end) && written.place <= *write_place,
            "{written:?} is written, but the bytes end at {write_place:?}, the log at {end:?}"
        );
        assert!(
            *write_place <= end.place,
            "bytes are written up to {write_place:?}, but the log ends at {end:?}"
        );
        assert!(
            self.marked <= flushed.place,
            "the mark says {:?}, but only {flushed:?} is flushed",
            self.marked
        );
        let last = self.unwritten.back().map_or(*written, |batch| batch.end);
        assert!(
            last.next_offset == end.next_offset,
            "the log ends at {end:?}, but the last batch that counts at {last:?}"
        );
    }
}
