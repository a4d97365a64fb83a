//! The transitions of a log: what happened to it, in one word each.

use std::path::PathBuf;
use std::rc::Rc;

use naru_record_batch::BatchHeader;

use super::super::budget::OpenFile;
use super::super::place::{BatchEnd, Place};
use super::super::tail::Tail;
use super::super::{LogConfig, LogError, TailBudget};
use super::durability::Unwritten;
use super::{ActiveSegment, Durability, Life, Readers, Segments};
use crate::compaction::Cleaned;
use crate::recovery::{AbortedFound, CleanedMark, Recovered};

pub(in crate::log) struct State<F> {
    config: LogConfig,
    segments: Segments<F>,
    durability: Durability,
    life: Life,
    /// The newest bytes. What is not written is here only.
    pub tail: Tail,
    pub readers: Readers,
    /// Counts the file that is written among those of the shard, while it is open.
    open_file: Option<OpenFile>,
    /// Appends since the last [`super::super::Log::rest`].
    is_busy: bool,
    /// The file of the flushed mark, once it was written.
    pub mark_file: Option<F>,
    /// Files of dropped segments that nobody was given yet to remove.
    pub renamed: Vec<PathBuf>,
    /// Where the log ends since batches were taken back of which the user was not told.
    taken_back_to: Option<i64>,
    /// How far it was compacted, as it is on the disk.
    pub cleaned: CleanedMark,
    /// The segment of the checkpoint, if it was written since the log was opened.
    pub checkpointed: Option<i64>,
    truncations_count: u64,
    drops_count: u64,
}

impl<F> State<F> {
    pub fn new(
        segments: Segments<F>,
        recovered: &Recovered,
        config: LogConfig,
        budget: Rc<TailBudget>,
    ) -> Self {
        let end = segments.end(recovered.next_offset);
        let state = Self {
            config,
            segments,
            durability: Durability::recovered(end, recovered.replayed_bytes),
            life: Life::default(),
            tail: Tail::new(budget),
            readers: Readers::default(),
            open_file: None,
            is_busy: false,
            mark_file: None,
            renamed: Vec::new(),
            taken_back_to: None,
            cleaned: recovered.cleaned,
            checkpointed: None,
            truncations_count: 0,
            drops_count: 0,
        };
        state.assert_invariants();
        state
    }

    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    pub fn segments(&self) -> &Segments<F> {
        &self.segments
    }

    pub fn durability(&self) -> &Durability {
        &self.durability
    }

    pub fn life(&self) -> &Life {
        &self.life
    }

    /// For what concerns durability alone: who works, who waits, what failed.
    pub fn durability_mut(&mut self) -> &mut Durability {
        &mut self.durability
    }

    /// For what concerns segments alone: files that are opened, space that is prepared.
    pub fn segments_mut(&mut self) -> &mut Segments<F> {
        &mut self.segments
    }

    /// The first offset that may be read.
    pub fn start_offset(&self) -> i64 {
        self.segments.start_offset()
    }

    /// The offset of the next record.
    pub fn end_offset(&self) -> i64 {
        self.durability.end().next_offset
    }

    /// All that may be read is before this: what is written, but for what is being cut off.
    pub fn readable(&self) -> BatchEnd {
        let written = self.durability.written();
        let cutting = self.readers.cutting();
        cutting
            .filter(|cut| cut.is_within(written))
            .unwrap_or(written)
    }

    /// What the file of a segment holds, in bytes; 0 where there is no such segment.
    pub fn bytes_on_disk(&self, segment: i64) -> u64 {
        let written = self.durability.write_place();
        match self.segments.sealed(segment) {
            Some(sealed) => sealed.size_bytes(),
            None if segment == written.segment => written.position,
            None => 0,
        }
    }

    pub fn has_segment(&self, segment: i64) -> bool {
        let segments = &self.segments;
        segments.sealed(segment).is_some() || segments.unsealed(segment).is_some()
    }

    /// Whether somebody waits for a flush: of an offset, or at the end of the log.
    pub fn is_flush_wanted(&self) -> bool {
        self.durability.is_flush_demanded() || self.readers.has_tail_readers()
    }

    /// Whether there is something to flush, and somebody who wants it.
    pub fn is_flush_due(&self) -> bool {
        let is_lagging =
            self.durability.flushed().next_offset < self.durability.written().next_offset;
        self.life.ended().is_none() && self.is_flush_wanted() && is_lagging
    }

    /// Whether nothing was appended since the last call.
    pub fn take_rest(&mut self) -> bool {
        !std::mem::replace(&mut self.is_busy, false)
    }

    /// The appends go to a new segment from here on. Its file is made later.
    pub fn rolled(&mut self, now_ms: i64) {
        let base_offset = self.end_offset();
        self.segments
            .push_active(ActiveSegment::new(base_offset, now_ms));
        self.durability.rolled(base_offset);
        self.assert_invariants();
    }

    /// A batch goes to the end of the active segment, its header stamped. Returns where it
    /// begins.
    pub fn appended(&mut self, header: &BatchHeader) -> Place {
        let place = self.durability.end().place;
        let active = self.segments.active();
        let max_timestamp_before_ms = active.map_or(i64::MIN, ActiveSegment::max_timestamp_ms);
        let batch = Unwritten {
            end: self.segments.append(header),
            max_timestamp_before_ms,
        };
        self.durability.appended(batch, header.size_bytes() as u64);
        self.is_busy = true;
        self.assert_invariants();
        place
    }

    /// The file of the first unsealed segment is made, or opened again.
    pub fn file_opened(&mut self, file: F, position: u64) {
        let segment = self.segments.file_opened(file, position);
        self.durability.file_opened(Place { segment, position });
        self.open_file = Some(self.tail.budget().open_file());
        self.assert_invariants();
    }

    /// Whether the file that is written can be closed: all that was appended is in it, durably, and
    /// nobody is at work on it.
    pub fn may_close_file(&self) -> bool {
        let durability = &self.durability;
        self.life.may_write()
            && !self.life.is_closing()
            && self.segments.file().is_some()
            && self.segments.unsealed_count() == 1
            && !durability.is_writing()
            && !durability.is_flushing()
            && durability.flushed() == durability.end()
    }

    /// The file that is written is closed until there is something to write.
    pub fn file_closed(&mut self) {
        assert!(self.may_close_file(), "a file was closed that is in use");
        self.segments.file_closed();
        self.open_file = None;
        self.mark_file = None;
        self.assert_invariants();
    }

    /// It is open again.
    pub fn file_reopened(&mut self, file: F) {
        self.segments.file_reopened(file);
        self.open_file = Some(self.tail.budget().open_file());
        self.assert_invariants();
    }

    /// The bytes up to `to` are written; they may end within a batch.
    pub fn written_to(&mut self, to: Place, is_durable: bool) {
        self.durability.written_to(to);
        if is_durable {
            self.durability.flushed_to(self.durability.written());
        }
        self.tail.trim(to, false);
        self.assert_invariants();
    }

    /// Everything up to `to` is flushed.
    pub fn flushed_to(&mut self, to: BatchEnd) {
        self.durability.flushed_to(to);
        self.assert_invariants();
    }

    /// The first unsealed segment is flushed and cut to its size, and takes no more.
    pub fn sealed(&mut self) {
        let end = self.segments.seal_first();
        self.open_file = None;
        self.durability.flushed_to(end);
        self.assert_invariants();
    }

    /// The oldest segment is about to go: nothing before the next one may be read any more.
    pub fn drop_begins(&mut self, next: i64) {
        self.drops_count += 1;
        self.start_advanced(next);
    }

    /// Nothing before `offset` may be read any more.
    pub fn start_advanced(&mut self, offset: i64) {
        let flushed = self.durability.flushed().next_offset;
        self.segments.advance_start(offset.min(flushed));
        self.assert_invariants();
    }

    /// The oldest segment is gone, durably.
    pub fn oldest_dropped(&mut self) {
        self.segments.drop_oldest();
        self.assert_invariants();
    }

    /// Nothing more is appended; what was, is written.
    pub fn closing(&mut self) {
        self.life.close();
    }

    /// The log takes nothing any more, for good.
    pub fn ended(&mut self, error: LogError) {
        self.life.end(error);
        self.assert_invariants();
    }

    /// There is no room: the log ends where the last batch ends that is written whole, and
    /// takes no appends. Returns that end.
    pub fn take_back(&mut self, error: LogError) -> BatchEnd {
        self.life.take_back(error);
        let first = self.durability.take_back();
        let end = self.segments.take_back(self.durability.written(), first);
        let is_file_made = self.segments.is_file_made();
        self.durability.taken_back(end, is_file_made);
        self.readers.truncated();
        self.tail.clear();
        if first.is_some() {
            let before = self.taken_back_to.unwrap_or(i64::MAX);
            self.taken_back_to = Some(before.min(end.next_offset));
        }
        self.assert_invariants();
        end
    }

    /// Nothing is left on the disk of what was taken back.
    pub fn taken_back(&mut self) {
        self.life.taken_back();
        self.assert_invariants();
    }

    /// A probe has found room.
    pub fn found_room(&mut self) {
        self.life.found_room();
        self.assert_invariants();
    }

    /// How often the log was truncated: a segment of before is not the same after.
    pub fn truncations_count(&self) -> u64 {
        self.truncations_count
    }

    /// How often segments were cut off, or about to be, at either end.
    pub fn changes_count(&self) -> u64 {
        self.truncations_count + self.drops_count
    }

    /// One segment, which holds what is left of some, has taken their place.
    pub fn replaced(&mut self, by: &Cleaned, aborted: AbortedFound) {
        self.segments.replace(by, aborted);
        self.readers.swap_ended();
        self.assert_invariants();
    }

    pub fn take_notice_of_taken_back(&mut self) -> Option<i64> {
        self.taken_back_to.take()
    }

    /// The log ends in `last`, whose `file` is cut to it; all of it is flushed.
    pub fn truncated(&mut self, last: ActiveSegment, file: F) {
        let end = last.end();
        self.segments.truncate(last, file);
        self.open_file = Some(self.tail.budget().open_file());
        self.durability.truncated(end);
        self.readers.truncated();
        self.truncations_count += 1;
        self.tail.clear();
        self.mark_file = None;
        self.assert_invariants();
    }

    pub fn size_bytes(&self) -> u64 {
        self.segments.size_bytes()
    }

    /// What holds whenever nobody is in the middle of a transition. Of constant cost in
    /// release builds; debug builds also walk the segments.
    #[track_caller]
    pub fn assert_invariants(&self) {
        self.durability.assert_invariants();
        self.segments.assert_invariants();
        let (start, flushed) = (self.start_offset(), self.durability.flushed());
        assert!(
            start <= flushed.next_offset,
            "the log starts at {start}, after {flushed:?}, which is flushed"
        );
        let end = self.durability.end();
        let last = self.segments.end(end.next_offset);
        assert!(
            last == end,
            "the segments end at {last:?}, the appends at {end:?}"
        );
        if let Some(writing) = self.segments.file_segment() {
            let write_place = self.durability.write_place();
            assert!(
                write_place.segment == writing,
                "{write_place:?} is not in the file that is written, {writing}"
            );
        }
    }
}
