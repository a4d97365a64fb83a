//! What one incarnation of a topic's partition was given, and what it said: everything that
//! is read, acknowledged or recovered is held against it.
//!
//! An offset may have been given twice: the log was truncated in between, or took back what it
//! could not write. Each batch therefore knows in which of the log's `cuts` it was valid, and
//! all that one read returns was valid at one time.

mod compaction;
mod reads;

use std::collections::BTreeMap;

use bytes::Bytes;
use naru_engine::log::Appended;
use naru_record_batch::BatchHeader;

use compaction::Begun;
pub use compaction::{DELETE_RETENTION_MS, GivenRecord};

/// Where the bytes of a batch begin that the log does not stamp.
const UNSTAMPED: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Live,
    /// The log gave its offset to another batch: it was never written.
    Withdrawn,
    Truncated,
}

#[derive(Clone, Debug)]
struct Given {
    base: i64,
    /// The offset after its last record.
    next: i64,
    bytes: Bytes,
    leader_epoch: i32,
    records: Vec<GivenRecord>,
    /// The first and the last cut of the log that it was part of.
    from_cut: u64,
    until_cut: u64,
    fate: Fate,
    /// Its producer was told of an error when nobody could see it: nobody may from then on.
    is_refused: bool,
}

/// A batch that was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenId(usize);

/// What a reader knew when it began.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    cut: u64,
    start: i64,
    flushed: i64,
}

/// What the log says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Offsets {
    pub start: i64,
    pub flushed: i64,
    pub end: i64,
}

/// How the life before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    PowerCut,
    Kill,
    /// Closed without an error.
    Closed,
}

#[derive(Clone, Debug)]
pub struct Model {
    pub incarnation: u64,
    given: Vec<Given>,
    by_base: BTreeMap<i64, Vec<usize>>,
    cut: u64,
    pub end: i64,
    /// Acknowledged as written, and as flushed.
    written: i64,
    flushed: i64,
    /// What consumers can have seen: the largest high watermark.
    seen: i64,
    /// It is being truncated to here: what is beyond may be seen, and is not promised.
    cut_to: Option<i64>,
    /// The log begins here at least: it said so.
    start_told: i64,
    /// DeleteRecords was asked for up to here.
    start_asked: i64,
    /// So many times retention began and was not done yet, or failed: where it has come to is
    /// not known.
    retentions_open: u64,
    /// All cleanings that were begun, also in earlier lives.
    cleanings: Vec<Begun>,
}

impl Model {
    pub fn new(incarnation: u64) -> Self {
        Self {
            incarnation,
            given: Vec::new(),
            by_base: BTreeMap::new(),
            cut: 0,
            end: 0,
            written: 0,
            flushed: 0,
            seen: 0,
            cut_to: None,
            start_told: 0,
            start_asked: 0,
            retentions_open: 0,
            cleanings: Vec::new(),
        }
    }

    fn live(&self) -> impl Iterator<Item = &Given> + Clone {
        self.given.iter().filter(|g| g.fate == Fate::Live)
    }

    pub fn appended(
        &mut self,
        appended: Appended,
        bytes: &Bytes,
        leader_epoch: i32,
        records: Vec<GivenRecord>,
    ) -> GivenId {
        let base = appended.base_offset;
        assert_eq!(base, self.end, "the log ends elsewhere");
        let id = self.given.len();
        self.given.push(Given {
            base,
            next: appended.last_offset + 1,
            bytes: bytes.clone(),
            leader_epoch,
            records,
            from_cut: self.cut,
            until_cut: u64::MAX,
            fate: Fate::Live,
            is_refused: false,
        });
        self.by_base.entry(base).or_default().push(id);
        self.end = appended.last_offset + 1;
        GivenId(id)
    }

    /// The log took back what it could not write from `end` on; it may have been truncated
    /// to before that since.
    pub fn taken_back(&mut self, end: i64) {
        if end >= self.end {
            return;
        }
        let promised = self.seen.max(self.written).max(self.flushed);
        assert!(
            end >= promised,
            "taken back to {end}, and {promised} was promised"
        );
        self.take_back(end, Fate::Withdrawn);
        assert_eq!(self.end, end, "half a batch was taken back");
    }

    fn take_back(&mut self, from: i64, fate: Fate) {
        let cut = self.cut;
        let live = self.given.iter_mut().filter(|g| g.fate == Fate::Live);
        for given in live.filter(|g| g.next > from) {
            given.fate = fate;
            given.until_cut = cut;
            self.end = self.end.min(given.base);
        }
        self.cut += 1;
    }

    /// Its producer was told that it is written, or flushed.
    pub fn told(&mut self, id: GivenId, is_flushed: bool, log: Offsets) {
        let given = &self.given[id.0];
        assert!(
            given.fate == Fate::Live,
            "offset {} was acknowledged, but is {:?}",
            given.base,
            given.fate
        );
        let next = given.next;
        self.written = self.written.max(next);
        if is_flushed {
            assert!(log.flushed >= next, "acknowledged before it was flushed");
            self.flushed = self.flushed.max(next);
        }
        self.note(log);
    }

    /// Its producer was told of an error.
    pub fn told_error(&mut self, id: GivenId, log: Offsets) {
        self.note(log);
        let given = &mut self.given[id.0];
        given.is_refused = log.flushed <= given.base && given.next > self.seen;
    }

    /// Looks at the log between two things: its offsets are in order, and nobody sees what was
    /// refused.
    pub fn note(&mut self, log: Offsets) {
        assert!(log.start <= log.flushed, "{log:?}");
        assert!(log.flushed <= log.end, "{log:?}");
        let visible = self.promised_part(log.flushed);
        if visible > self.seen {
            let seen = self.live().filter(|g| g.base < log.flushed);
            let refused = seen.into_iter().find(|g| g.is_refused);
            if let Some(given) = refused {
                panic!(
                    "offset {} is seen, and its producer was told of an error",
                    given.base
                );
            }
            self.seen = visible;
        }
    }

    pub fn moment(&self, log: Offsets) -> Moment {
        Moment {
            cut: self.cut,
            start: log.start,
            flushed: self.promised_part(log.flushed),
        }
    }

    /// While the log is truncated, what is beyond its new end may be gone, or not.
    fn promised_part(&self, offset: i64) -> i64 {
        offset.min(self.cut_to.unwrap_or(i64::MAX))
    }

    fn given_as(&self, header: &BatchHeader, batch: &Bytes) -> Option<&Given> {
        let known = self.by_base.get(&header.base_offset)?;
        let mut known = known.iter().rev().map(|&id| &self.given[id]);
        let whole = known.clone();
        let whole = whole
            .into_iter()
            .find(|g| Self::is_as_given(g, header, batch));
        whole.or_else(|| known.find(|given| self.is_left_of(given, header, batch)))
    }

    /// DeleteRecords up to `target` begins.
    pub fn start_asked(&mut self, target: i64) {
        self.start_asked = self.start_asked.max(target);
    }

    /// The log said that it begins at `start` from now on.
    fn start_told(&mut self, start: i64) {
        self.start_told = self.start_told.max(self.promised_part(start));
    }

    /// Retention begins.
    pub fn retention_begins(&mut self) {
        self.retentions_open += 1;
    }

    /// DeleteRecords up to `target` is done.
    pub fn start_reached(&mut self, began: Moment, target: i64, log: Offsets) {
        if began.cut == self.cut {
            assert!(log.start >= target, "begins at {}, not {target}", log.start);
        }
        self.start_told(log.start.min(target));
    }

    /// Retention is done; it keeps `keep_bytes`.
    pub fn retained(&mut self, began: Moment, log: Offsets, size_bytes: u64, keep_bytes: u64) {
        let is_asked = log.start <= self.start_asked || log.start == began.start;
        assert!(
            is_asked || size_bytes >= keep_bytes || began.cut != self.cut,
            "retention left {size_bytes} of {keep_bytes} bytes"
        );
        self.retentions_open -= 1;
        // Else it may be DeleteRecords that has come so far, and is not done.
        if log.start > self.start_asked {
            self.start_told(log.start);
        }
    }

    /// Truncation to `to` begins: nothing from there on is promised any more. Returns where the
    /// log is to end.
    pub fn truncation_begins(&mut self, to: i64) -> i64 {
        let held = self.live().find(|g| g.base <= to && to < g.next);
        let end = held.map_or(self.end, |g| g.base);
        self.written = self.written.min(end);
        self.flushed = self.flushed.min(end);
        self.seen = self.seen.min(end);
        self.cut_to = Some(end);
        // A log that is cut before its start begins where it ends.
        self.start_told = self.start_told.min(end);
        end
    }

    pub fn truncated(&mut self, end: i64) {
        self.take_back(end, Fate::Truncated);
        self.cut_to = None;
        assert_eq!(self.end, end);
    }

    /// The log was closed: all that it took is written and flushed.
    pub fn closed(&mut self) {
        self.written = self.end;
        self.flushed = self.end;
    }

    /// Each leader epoch that batches were given in, and where it ends (KIP-101).
    pub fn epoch_ends(&self) -> Vec<(i32, i64)> {
        let mut ends: Vec<(i32, i64)> = Vec::new();
        for given in self.live() {
            match ends.last_mut() {
                Some((epoch, end)) if *epoch == given.leader_epoch => *end = given.next,
                _ => ends.push((given.leader_epoch, given.next)),
            }
        }
        ends
    }

    /// The power is cut: what was only written may be gone.
    pub fn loses_power(&mut self) {
        self.written = self.flushed.max(self.seen);
    }

    /// A batch that an earlier life was given is still part of the log, or compacted away.
    fn stays(&mut self, given: &Given) {
        if self.given.is_empty() {
            self.end = given.base;
        }
        let appended = Appended {
            base_offset: given.base,
            last_offset: given.next - 1,
            begins_segment: false,
        };
        let records = given.records.clone();
        self.appended(appended, &given.bytes, given.leader_epoch, records);
    }

    /// Holds a log that was just opened against what it promised in the life before, and starts
    /// anew from what it holds. `batches` is all of that.
    pub fn recovered(&mut self, ending: Ending, log: Offsets, batches: &[Bytes]) {
        let promised = match ending {
            Ending::PowerCut => self.flushed.max(self.seen),
            Ending::Kill | Ending::Closed => self.written.max(self.flushed).max(self.seen),
        };
        assert!(
            log.end >= promised,
            "{ending:?}: the log ends at {}; written {}, flushed {}, seen {}",
            log.end,
            self.written,
            self.flushed,
            self.seen
        );
        assert!(
            log.start >= self.start_told,
            "{ending:?}: the log begins at {}, {} was told",
            log.start,
            self.start_told
        );
        assert!(
            self.retentions_open > 0 || log.start <= self.start_asked.max(self.start_told),
            "{ending:?}: the log begins at {}, it said {}, {} was asked for",
            log.start,
            self.start_told,
            self.start_asked
        );
        let mut next_model = Self::new(self.incarnation);
        next_model.cleanings = self.cleanings.clone();
        let mut at = log.start;
        for batch in batches {
            let header = BatchHeader::parse(batch).expect("it was read");
            self.assert_may_be_gone(at, header.base_offset);
            let gone = self
                .live()
                .filter(|g| g.next > at && g.base < header.base_offset);
            for given in gone {
                next_model.stays(given);
            }
            at = header.next_offset();
            let given = self.given_as(&header, batch).unwrap_or_else(|| {
                panic!("offset {} is not what was appended", header.base_offset)
            });
            let may_be_there = match given.fate {
                Fate::Live => true,
                Fate::Withdrawn => given.base >= promised,
                Fate::Truncated => false,
            };
            assert!(
                may_be_there,
                "{:?} offset {} is back",
                given.fate, given.base
            );
            next_model.stays(given);
        }
        if batches.is_empty() {
            next_model.end = log.end;
        }
        assert_eq!(next_model.end, log.end);
        next_model.written = log.end;
        next_model.flushed = log.end;
        next_model.seen = log.end;
        next_model.start_told = log.start;
        next_model.start_asked = log.start;
        next_model.cut = self.cut + 1;
        for given in &mut next_model.given {
            given.from_cut = next_model.cut;
        }
        *self = next_model;
    }
}
