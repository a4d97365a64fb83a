//! The segments of a log: sealed ones, oldest first, then those that are not sealed. The
//! first unsealed one has the file that is written; the others wait in the tail until it is
//! sealed. The last one is the active segment: it takes the appends.

use std::collections::VecDeque;

use bytes::Bytes;
use naru_record_batch::BatchHeader;

use super::super::place::{BatchEnd, Place};
use super::durability::Unwritten;
use crate::compaction::{Cleaned, Segment};
use crate::index::{AbortedTransaction, Index};
use crate::recovery::{AbortedFound, ActiveFound, SealedFound, SegmentSnapshot, note_epoch};
use crate::segment::{Ahead, Space};

pub(in crate::log) struct Segments<F> {
    start_offset: i64,
    sealed: VecDeque<SealedSegment>,
    unsealed: VecDeque<ActiveSegment>,
    /// The file of the first unsealed segment, and how far it is prepared.
    file: SegmentFile<F>,
    space: Space,
    /// Leader epochs and their first offsets, ascending.
    epochs: Vec<(i32, i64)>,
    directory: Directory,
}

/// The file that is written.
enum SegmentFile<F> {
    /// Not made yet.
    Missing,
    Open(F),
    /// Made, and closed while nothing is written: thousands of logs that rest are not to cost as
    /// many descriptors.
    Resting,
}

/// How much there is of the directory of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::log) enum Directory {
    /// The log is new: the first write makes it.
    Missing,
    /// It is this log's, but does not say so durably yet.
    Unsynced,
    Whole,
}

/// A segment that takes no more appends.
pub(in crate::log) struct SealedSegment {
    base_offset: i64,
    size_bytes: u64,
    max_timestamp_ms: i64,
    aborted: AbortedFound,
}

impl SealedSegment {
    pub fn recovered(found: SealedFound) -> Self {
        Self {
            base_offset: found.base_offset,
            size_bytes: found.size_bytes,
            max_timestamp_ms: found.max_timestamp_ms,
            aborted: found.aborted,
        }
    }

    /// The transactions that were aborted in it.
    pub fn aborted(&self) -> &AbortedFound {
        &self.aborted
    }

    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub fn max_timestamp_ms(&self) -> i64 {
        self.max_timestamp_ms
    }
}

/// A segment that is not sealed.
#[derive(Clone, Debug)]
pub(in crate::log) struct ActiveSegment {
    base_offset: i64,
    /// Where the next batch goes, in bytes.
    position: u64,
    /// The offset after its last record.
    end_offset: i64,
    max_timestamp_ms: i64,
    created_ms: i64,
    index: Index,
    /// The state of the user before the first batch, until it is on its way to the disk.
    user_state: Option<Bytes>,
}

impl ActiveSegment {
    pub fn new(base_offset: i64, created_ms: i64) -> Self {
        Self {
            base_offset,
            position: 0,
            end_offset: base_offset,
            max_timestamp_ms: i64::MIN,
            created_ms,
            index: Index::default(),
            user_state: None,
        }
    }

    pub fn recovered(found: ActiveFound, end_offset: i64) -> Self {
        Self {
            base_offset: found.base_offset,
            position: found.position,
            end_offset,
            max_timestamp_ms: found.max_timestamp_ms,
            created_ms: found.created_ms,
            index: found.index,
            user_state: None,
        }
    }

    pub fn base_offset(&self) -> i64 {
        self.base_offset
    }

    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn max_timestamp_ms(&self) -> i64 {
        self.max_timestamp_ms
    }

    pub fn created_ms(&self) -> i64 {
        self.created_ms
    }

    pub fn index(&self) -> &Index {
        &self.index
    }

    /// A batch with this header, its offset stamped, stands at the end from now on.
    pub fn append(&mut self, header: &BatchHeader) {
        let place = self.position;
        self.index.note(header, place, self.max_timestamp_ms);
        self.max_timestamp_ms = self.max_timestamp_ms.max(header.max_timestamp_ms);
        self.position += header.size_bytes() as u64;
        self.end_offset = header.next_offset();
    }

    /// A transaction was aborted, whose marker is in this segment.
    pub fn note_aborted(&mut self, transaction: AbortedTransaction) {
        assert!(
            transaction.last_offset >= self.base_offset
                && transaction.last_offset < self.end_offset,
            "the segment at {} ends at {}, and has no marker of {transaction:?}",
            self.base_offset,
            self.end_offset
        );
        self.index.note_aborted(transaction);
    }

    pub fn end(&self) -> BatchEnd {
        BatchEnd {
            next_offset: self.end_offset,
            place: Place {
                segment: self.base_offset,
                position: self.position,
            },
        }
    }
}

impl<F> Segments<F> {
    pub fn new(
        start_offset: i64,
        sealed: VecDeque<SealedSegment>,
        active: Option<ActiveSegment>,
        epochs: Vec<(i32, i64)>,
        directory: Directory,
    ) -> Self {
        let position = active.as_ref().map_or(0, |segment| segment.position);
        Self {
            start_offset,
            sealed,
            unsealed: active.into_iter().collect(),
            file: SegmentFile::Missing,
            space: Space::after(position),
            epochs,
            directory,
        }
    }

    pub fn start_offset(&self) -> i64 {
        self.start_offset
    }

    pub fn directory(&self) -> Directory {
        self.directory
    }

    pub fn directory_is(&mut self, directory: Directory) {
        self.directory = directory;
    }

    /// Where the last segment ends; `next_offset` is where the first one would begin.
    pub fn end(&self, next_offset: i64) -> BatchEnd {
        let beginning = BatchEnd {
            next_offset,
            place: Place {
                segment: next_offset,
                position: 0,
            },
        };
        self.active().map_or(beginning, ActiveSegment::end)
    }

    /// The segment that takes the appends.
    pub fn active(&self) -> Option<&ActiveSegment> {
        self.unsealed.back()
    }

    /// The first unsealed segment: the one that is written.
    pub fn first_unsealed(&self) -> Option<&ActiveSegment> {
        self.unsealed.front()
    }

    pub fn unsealed_count(&self) -> usize {
        self.unsealed.len()
    }

    /// An unsealed segment by its base offset.
    pub fn unsealed(&self, base_offset: i64) -> Option<&ActiveSegment> {
        self.unsealed.iter().find(|s| s.base_offset == base_offset)
    }

    pub fn unsealed_iter(&self) -> impl DoubleEndedIterator<Item = &ActiveSegment> {
        self.unsealed.iter()
    }

    /// A sealed segment by its base offset.
    pub fn sealed(&self, base_offset: i64) -> Option<&SealedSegment> {
        let at = self.sealed_at(base_offset)?;
        self.sealed.get(at)
    }

    fn sealed_at(&self, base_offset: i64) -> Option<usize> {
        self.sealed
            .binary_search_by_key(&base_offset, |s| s.base_offset)
            .ok()
    }

    /// Sealed segments, oldest first.
    pub fn sealed_iter(&self) -> impl DoubleEndedIterator<Item = &SealedSegment> {
        self.sealed.iter()
    }

    /// Sealed segments that are followed by one whose file is made, with their largest
    /// timestamps in ms, oldest first: what a cleaning may take. Those that are being dropped
    /// are not among them.
    pub fn cleanable(&self) -> Vec<(Segment, i64)> {
        let newest_sealed = self.sealed.back().map(|s| s.base_offset);
        let last = self.file_segment().or(newest_sealed);
        let sealed = self.sealed_with_next();
        let sealed = sealed.filter(|(_, s)| last.is_some_and(|last| s.next_offset <= last));
        let kept = sealed.filter(|(_, s)| s.next_offset > self.start_offset);
        kept.map(|(sealed, s)| (s, sealed.max_timestamp_ms))
            .collect()
    }

    /// Sealed segments that are followed by another one, as a cleaning knows them.
    fn sealed_with_next(&self) -> impl Iterator<Item = (&SealedSegment, Segment)> {
        let next = self.base_offsets().skip(1);
        self.sealed.iter().zip(next).map(|(sealed, next_offset)| {
            let segment = Segment {
                base_offset: sealed.base_offset,
                size_bytes: sealed.size_bytes,
                next_offset,
            };
            (sealed, segment)
        })
    }

    /// The oldest sealed segment, and the base offset of the one that follows.
    pub fn oldest_sealed(&self) -> Option<(&SealedSegment, i64)> {
        let next = self.base_offsets().nth(1)?;
        self.sealed.front().map(|oldest| (oldest, next))
    }

    /// The base offsets of all segments, oldest first.
    pub fn base_offsets(&self) -> impl Iterator<Item = i64> {
        let sealed = self.sealed.iter().map(|s| s.base_offset);
        sealed.chain(self.unsealed.iter().map(|s| s.base_offset))
    }

    /// The segment that holds `offset`, as its base offset and the end of what it holds.
    pub fn segment_of(&self, offset: i64) -> Option<Place> {
        let unsealed = self
            .unsealed
            .iter()
            .rev()
            .find(|segment| segment.base_offset <= offset);
        if let Some(segment) = unsealed {
            return Some(segment.end().place);
        }
        let after = self.sealed.partition_point(|s| s.base_offset <= offset);
        let sealed = self.sealed.get(after.checked_sub(1)?)?;
        Some(Place {
            segment: sealed.base_offset,
            position: sealed.size_bytes,
        })
    }

    /// The segments from the one that holds `offset` on that have the marker of a transaction
    /// that was aborted, by their base offsets, oldest first.
    pub fn with_aborted_from(&self, offset: i64) -> Vec<i64> {
        let after = self.sealed.partition_point(|s| s.base_offset <= offset);
        let sealed = self.sealed.iter().skip(after.saturating_sub(1));
        let sealed = sealed.filter(|s| !s.aborted.is_empty());
        let unsealed = self.unsealed.iter();
        let unsealed = unsealed.filter(|s| !s.index.aborted().is_empty());
        let bases = sealed.map(|s| s.base_offset);
        bases.chain(unsealed.map(|s| s.base_offset)).collect()
    }

    /// A transaction was aborted, whose marker is the last batch.
    pub fn note_aborted(&mut self, transaction: AbortedTransaction) {
        let Some(active) = self.unsealed.back_mut() else {
            panic!("{transaction:?} was noted, and no segment is open");
        };
        active.note_aborted(transaction);
    }

    /// The file of the first unsealed segment, if it is made and open.
    pub fn file(&self) -> Option<&F> {
        match &self.file {
            SegmentFile::Open(file) => Some(file),
            SegmentFile::Missing | SegmentFile::Resting => None,
        }
    }

    /// Whether the file of the first unsealed segment is there, open or not.
    pub fn is_file_made(&self) -> bool {
        !matches!(self.file, SegmentFile::Missing)
    }

    /// Whether that file has to be opened before it is written.
    pub fn is_file_resting(&self) -> bool {
        matches!(self.file, SegmentFile::Resting)
    }

    /// The segment whose file is written, if that is made.
    pub fn file_segment(&self) -> Option<i64> {
        let first = self.first_unsealed()?;
        self.is_file_made().then_some(first.base_offset)
    }

    /// What to prepare of the file before `from..to` is written.
    pub fn space_before_write(&mut self, from: u64, to: u64, limit: u64) -> Option<Ahead> {
        self.space.before_write(from, to, limit)
    }

    /// Nothing is prepared but what the write itself takes.
    pub fn space_not_prepared(&mut self, ahead: Ahead, is_possible: bool) {
        self.space.not_prepared(ahead, is_possible);
    }

    pub fn space_prepared(&mut self, to: u64) {
        self.space.prepared(to);
    }

    pub fn epochs(&self) -> &[(i32, i64)] {
        &self.epochs
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes_from(i64::MIN)
    }

    /// What the segments hold from the one at `base_offset` on, in bytes.
    pub fn size_bytes_from(&self, base_offset: i64) -> u64 {
        let sealed = self.sealed.iter().map(|s| (s.base_offset, s.size_bytes));
        let unsealed = self.unsealed.iter().map(|s| (s.base_offset, s.position));
        let counted = sealed.chain(unsealed);
        let counted = counted.filter(|(base, _)| *base >= base_offset);
        counted.map(|(_, bytes)| bytes).sum()
    }

    /// The state of the user before the first batch of the active segment.
    pub fn keep_snapshot(&mut self, base_offset: i64, user_state: Bytes) {
        let Some(active) = self.unsealed.back_mut() else {
            panic!("a snapshot was given, and no segment is open");
        };
        assert!(
            active.base_offset == base_offset,
            "a snapshot of {base_offset} was given, the active segment begins at {}",
            active.base_offset
        );
        active.user_state = Some(user_state);
    }

    /// The snapshot that can be written: of the first unsealed segment, once its file is made.
    pub fn take_snapshot(&mut self) -> Option<SegmentSnapshot> {
        if !self.is_file_made() {
            return None;
        }
        let segment = self.unsealed.front_mut()?;
        let user_state = segment.user_state.take()?;
        let before = self.epochs.iter();
        let before = before.filter(|(_, first)| *first < segment.base_offset);
        Some(SegmentSnapshot {
            base_offset: segment.base_offset,
            created_ms: segment.created_ms,
            epochs: before.copied().collect(),
            user_state: user_state.to_vec(),
        })
    }

    /// A batch goes to the end of the active segment. Returns where it ends.
    pub(super) fn append(&mut self, header: &BatchHeader) -> BatchEnd {
        let Some(active) = self.unsealed.back_mut() else {
            panic!("a batch was appended, and no segment is open");
        };
        active.append(header);
        note_epoch(
            &mut self.epochs,
            header.partition_leader_epoch,
            header.base_offset,
        );
        active.end()
    }

    pub(super) fn push_active(&mut self, segment: ActiveSegment) {
        self.unsealed.push_back(segment);
    }

    /// Returns the base offset of the segment whose file it is.
    pub(super) fn file_opened(&mut self, file: F, position: u64) -> i64 {
        let Some(first) = self.unsealed.front() else {
            panic!("a file was made without a segment for it");
        };
        self.file = SegmentFile::Open(file);
        self.space = Space::after(position);
        first.base_offset
    }

    /// The file is closed until something is to be written.
    pub(super) fn file_closed(&mut self) {
        assert!(self.file().is_some(), "a file was closed that is not open");
        self.file = SegmentFile::Resting;
    }

    /// It is open again, as it was.
    pub(super) fn file_reopened(&mut self, file: F) {
        assert!(
            self.is_file_resting(),
            "a file was opened again that does not rest"
        );
        self.file = SegmentFile::Open(file);
    }

    /// Returns where the segment ends that is sealed now.
    pub(super) fn seal_first(&mut self) -> BatchEnd {
        let Some(segment) = self.unsealed.pop_front() else {
            panic!("a segment was sealed, and none is open");
        };
        let end = segment.end();
        self.file = SegmentFile::Missing;
        let next = self.unsealed.front().map(|s| s.base_offset);
        assert!(
            next.is_none_or(|next| next == segment.end_offset),
            "a segment that ends at {end:?} is followed by one that begins at {next:?}"
        );
        self.sealed.push_back(SealedSegment {
            base_offset: segment.base_offset,
            size_bytes: segment.position,
            max_timestamp_ms: segment.max_timestamp_ms,
            aborted: AbortedFound::Stored {
                count: segment.index.aborted().len() as u32,
            },
        });
        end
    }

    /// Whether sealed segments are as they are told, side by side. What becomes of the active
    /// one meanwhile makes no difference.
    pub fn holds(&self, segments: &[Segment]) -> bool {
        segments.first().is_some_and(|first| {
            let all = self.sealed_with_next().map(|(_, segment)| segment);
            let from = all.skip_while(|segment| segment != first);
            from.take(segments.len()).eq(segments.iter().copied())
        })
    }

    pub(super) fn replace(&mut self, by: &Cleaned, aborted: AbortedFound) {
        assert!(
            self.holds(&by.segments),
            "segments that are not there, or not as they were, were replaced: {by:?}"
        );
        let Some(at) = self.sealed_at(by.base_offset()) else {
            panic!("{} is no sealed segment", by.base_offset());
        };
        let new = SealedSegment {
            base_offset: by.base_offset(),
            size_bytes: by.size_bytes(),
            max_timestamp_ms: by.index.max_timestamp_ms,
            aborted,
        };
        drop(self.sealed.drain(at..at + by.segments.len()));
        self.sealed.insert(at, new);
    }

    pub(super) fn advance_start(&mut self, offset: i64) {
        self.start_offset = self.start_offset.max(offset);
    }

    pub(super) fn drop_oldest(&mut self) {
        let dropped = self.sealed.pop_front();
        let next = self.base_offsets().next();
        assert!(
            dropped.is_some() && next.is_some_and(|next| next <= self.start_offset),
            "a segment was dropped that may be read: the log starts at {}",
            self.start_offset
        );
    }

    /// Ends where the last batch ends that is `written`; `first` is the first that is not. The
    /// segment that is written stays, the later ones were never made.
    pub(super) fn take_back(&mut self, written: BatchEnd, first: Option<Unwritten>) -> BatchEnd {
        let Some(mut kept) = self.unsealed.pop_front() else {
            panic!("there was no room to write, and no segment is open");
        };
        self.unsealed.clear();
        let is_in_kept = |end: BatchEnd| end.place.segment == kept.base_offset;
        kept.position = match is_in_kept(written) {
            true => written.place.position,
            false => 0,
        };
        if let Some(first) = first.filter(|first| is_in_kept(first.end)) {
            kept.max_timestamp_ms = first.max_timestamp_before_ms;
        }
        kept.end_offset = written.next_offset.max(kept.base_offset);
        kept.index.truncate(kept.position);
        kept.index.forget_aborted_from(kept.end_offset);
        self.space = Space::after(kept.position);
        self.epochs
            .retain(|&(_, first)| first < written.next_offset);
        let end = kept.end();
        self.unsealed.push_back(kept);
        end
    }

    pub(super) fn truncate(&mut self, mut last: ActiveSegment, file: F) {
        let end = last.end();
        last.created_ms = self.unsealed.front().map_or(0, |s| s.created_ms);
        self.sealed.retain(|s| s.base_offset < last.base_offset);
        self.unsealed.clear();
        self.space = Space::after(last.position);
        self.unsealed.push_back(last);
        self.file = SegmentFile::Open(file);
        self.epochs.retain(|&(_, first)| first < end.next_offset);
        // A batch that is dropped for its last offset may hold the first one.
        self.start_offset = self.start_offset.min(end.next_offset);
    }

    #[track_caller]
    pub(super) fn assert_invariants(&self) {
        let newest_sealed = self.sealed.back().map(|s| s.base_offset);
        let first_unsealed = self.unsealed.front().map(|s| s.base_offset);
        assert!(
            newest_sealed < first_unsealed || self.unsealed.is_empty(),
            "{newest_sealed:?} is sealed, {first_unsealed:?} is not"
        );
        assert!(
            !self.is_file_made() || !self.unsealed.is_empty(),
            "there is a file to write, but no segment that it belongs to"
        );
        debug_assert!(
            self.base_offsets().is_sorted_by(|a, b| a < b),
            "segments are not in their order"
        );
        debug_assert!(
            self.unsealed
                .iter()
                .zip(self.unsealed.iter().skip(1))
                .all(|(one, next)| one.end_offset == next.base_offset),
            "there is a gap between unsealed segments"
        );
        debug_assert!(
            self.epochs.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1),
            "leader epochs are not ascending: {:?}",
            self.epochs
        );
    }
}
