//! What a cleaning may take, and what a reader may therefore miss.
//!
//! The model does not know which of its choices a cleaning carries out: to keep a record is
//! always right. It knows what may be gone, and that who reads through has the newest record
//! of each key.

use std::collections::HashMap;

use bytes::Bytes;
use naru_record_batch::{Attributes, BatchHeader, HEADER_BYTES, Records};

use super::{Fate, Given, Model, Moment, Offsets, UNSTAMPED};

/// `delete.retention.ms`: some dozen batches' time.
pub const DELETE_RETENTION_MS: i64 = 300;

/// A record that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenRecord {
    pub timestamp_ms: i64,
    /// The broker refuses one without a key; it is there if the topic was not compacted before.
    pub key: Option<u32>,
    pub is_tombstone: bool,
}

/// A cleaning that was begun.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    /// Where it ends, as an offset.
    clean_to: i64,
    now_ms: i64,
}

/// One who reads all that there is when it begins.
#[derive(Clone, Debug)]
pub struct Scan {
    pub began: Moment,
    began_ms: i64,
    seen: HashMap<u32, i64>,
}

impl Model {
    pub fn cleaning_begins(&mut self, clean_to: i64, now_ms: i64) {
        self.cleanings.push(Begun { clean_to, now_ms });
    }

    /// Nothing from here on was ever in a cleaning: the log may be cut back to here.
    pub fn cleaned_to(&self) -> i64 {
        let ends = self.cleanings.iter().map(|begun| begun.clean_to);
        ends.max().unwrap_or(0)
    }

    /// All below it is stable: no truncation under way takes it.
    pub fn stable_offset(&self, log: Offsets) -> i64 {
        self.promised_part(log.flushed)
    }

    /// Whether whoever reads may find nothing at an offset.
    pub(super) fn may_be_gone(&self, offset: i64, record: &GivenRecord) -> bool {
        let end = self.cleaned_to();
        if offset >= end {
            return false;
        }
        let Some(key) = record.key else { return true };
        let is_superseded = self.live().any(|given| {
            let offsets = given.base..given.next.min(end);
            let mut records = offsets.zip(&given.records);
            records.any(|(other, record)| other > offset && record.key == Some(key))
        });
        is_superseded || (record.is_tombstone && self.may_be_spent(offset))
    }

    /// Whether a tombstone was in one cleaning, and in another one after its horizon (KIP-534).
    fn may_be_spent(&self, offset: i64) -> bool {
        let had_it = self
            .cleanings
            .iter()
            .filter(|begun| begun.clean_to > offset);
        let first_ms = had_it.clone().map(|begun| begun.now_ms).min();
        let last_ms = had_it.map(|begun| begun.now_ms).max();
        let horizon_ms = first_ms.map(|at_ms| at_ms + DELETE_RETENTION_MS);
        horizon_ms.is_some_and(|at_ms| last_ms.is_some_and(|last_ms| at_ms <= last_ms))
    }

    /// Nothing was found between two offsets: all that was given there may be gone.
    pub fn assert_may_be_gone(&self, from: i64, to: i64) {
        for given in self.live().filter(|g| g.next > from && g.base < to) {
            let records = (given.base..).zip(&given.records);
            let mut asked = records.filter(|(offset, _)| (from..to).contains(offset));
            let missed = asked.find(|(offset, record)| !self.may_be_gone(*offset, record));
            assert!(
                missed.is_none(),
                "nothing between {from} and {to}, and {missed:?} was given: {:?}",
                self.cleanings
            );
        }
    }

    /// Whether a batch is what is left of one that was given, of which the rest may be gone.
    pub(super) fn is_left_of(&self, given: &Given, header: &BatchHeader, batch: &Bytes) -> bool {
        let was = BatchHeader::parse(&given.bytes).expect("it was appended");
        let compacted = Attributes(header.attributes.0 & !Attributes::DELETE_HORIZON);
        let is_same = given.fate == Fate::Live
            && header.next_offset() == given.next
            && header.partition_leader_epoch == given.leader_epoch
            && header.producer_id == was.producer_id
            && compacted == was.attributes;
        if !is_same {
            return false;
        }
        let all = Records::new(&given.bytes[HEADER_BYTES..]).map(|record| {
            let record = record.expect("it was appended");
            (record.offset_delta, (record.key, record.value))
        });
        let all: HashMap<i32, _> = all.collect();
        let mut left = vec![false; given.records.len()];
        for record in Records::new(&batch[HEADER_BYTES..]) {
            let record = record.expect("a log holds records");
            let at = record.offset_delta as usize;
            let timestamp_ms = header.base_timestamp_ms + record.timestamp_delta_ms;
            let is_given = given.records.get(at).is_some_and(|given| {
                given.timestamp_ms == timestamp_ms
                    && all.get(&record.offset_delta) == Some(&(record.key, record.value))
            });
            if !is_given || std::mem::replace(&mut left[at], true) {
                return false;
            }
        }
        let records = (given.base..).zip(&given.records).zip(left);
        let mut gone = records.filter(|(_, is_left)| !is_left);
        gone.all(|((offset, record), _)| self.may_be_gone(offset, record))
    }

    /// Whether these are the bytes that were appended, but for what the log stamps.
    pub(super) fn is_as_given(given: &Given, header: &BatchHeader, batch: &Bytes) -> bool {
        given.bytes.len() == batch.len()
            && given.bytes[UNSTAMPED..] == batch[UNSTAMPED..]
            && given.leader_epoch == header.partition_leader_epoch
    }

    pub fn scan_begins(&self, log: Offsets, now_ms: i64) -> Scan {
        Scan {
            began: self.moment(log),
            began_ms: now_ms,
            seen: HashMap::new(),
        }
    }

    /// What a scan was given, as whole batches.
    pub fn scanned(&self, scan: &mut Scan, bytes: &Bytes) {
        let mut rest = bytes.clone();
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).expect("it was looked at before");
            let batch = rest.split_to(header.size_bytes());
            for record in Records::new(&batch[HEADER_BYTES..]) {
                let record = record.expect("a log holds records");
                let key = record.key.and_then(|key| key.try_into().ok());
                if let Some(key) = key.map(u32::from_le_bytes) {
                    let offset = header.base_offset + i64::from(record.offset_delta);
                    scan.seen.insert(key, offset);
                }
            }
        }
    }

    /// A scan has come to where the log ended when it began: of each key it knows the newest
    /// record of then, or a newer one.
    pub fn scan_ended(&self, scan: &Scan, log: Offsets, now_ms: i64) {
        if scan.began.cut != self.cut {
            return;
        }
        let mut newest = HashMap::new();
        for given in self.live().filter(|g| g.next <= scan.began.flushed) {
            for (offset, record) in (given.base..).zip(&given.records) {
                if let Some(key) = record.key.filter(|_| offset >= scan.began.start) {
                    newest.insert(key, (offset, record));
                }
            }
        }
        let is_slow = now_ms - scan.began_ms >= DELETE_RETENTION_MS;
        for (key, (offset, record)) in newest {
            let seen = scan.seen.get(&key);
            let is_newest = seen.is_some_and(|&seen| seen >= offset);
            let is_deleted = offset < log.start;
            let is_spent = record.is_tombstone && (seen.is_none() || is_slow);
            assert!(
                is_newest || is_deleted || (is_spent && self.may_be_spent(offset)),
                "a scan from {} to {} saw {seen:?} of key {key}, and {offset} is the newest: {:?}",
                scan.began.start,
                scan.began.flushed,
                self.cleanings
            );
        }
    }
}
