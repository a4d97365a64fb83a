//! What readers are told, held against what was given.

use bytes::Bytes;
use naru_engine::log::ReadError;
use naru_record_batch::BatchHeader;

use super::{Fate, Model, Moment, Offsets};

impl Model {
    /// Holds what was read from `from` on against what was given; returns where to go on.
    pub fn read(&mut self, from: i64, began: Moment, bytes: &Bytes, log: Offsets) -> i64 {
        if bytes.is_empty() {
            let is_at_end = from >= self.promised_part(began.flushed);
            assert!(
                is_at_end || began.cut != self.cut,
                "nothing at {from} although {} is flushed",
                began.flushed
            );
            return from;
        }
        let mut rest = bytes.clone();
        let mut at = None;
        let (mut since, mut until) = (began.cut, self.cut);
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest)
                .unwrap_or_else(|e| panic!("at {at:?}, asked for {from}: no batch: {e}"));
            assert!(header.size_bytes() <= rest.len(), "half a batch at {at:?}");
            let batch = rest.split_to(header.size_bytes());
            let base = header.base_offset;
            match at {
                None => assert!(
                    from < header.next_offset(),
                    "asked for {from}, got {base} to {}",
                    header.next_offset()
                ),
                Some(at) => assert!(at <= base, "reading from {from}: {base} after {at}"),
            }
            // After a cut it is not known what was there.
            if began.cut == self.cut {
                self.assert_may_be_gone(at.unwrap_or(from), base);
            }
            let given = self.given_as(&header, &batch).unwrap_or_else(|| {
                panic!("asked for {from}: offset {base} is not what was appended")
            });
            assert!(
                given.fate != Fate::Withdrawn,
                "offset {base} was taken back, and is read"
            );
            assert!(
                !given.is_refused,
                "offset {base} is read, and its producer was told of an error"
            );
            since = since.max(given.from_cut);
            until = until.min(given.until_cut);
            at = Some(header.next_offset());
        }
        let next = at.unwrap_or(from);
        assert!(
            since <= until,
            "asked for {from}: batches up to {next} that were never there together"
        );
        if began.cut == self.cut {
            assert!(next <= log.flushed, "read beyond what is flushed");
            self.seen = self.seen.max(self.promised_part(next));
        }
        next
    }

    /// Whether a reader may be told this. `may_fail`: the disk is not sound, or the log ended.
    pub fn read_failed(
        &self,
        from: i64,
        began: Moment,
        error: &ReadError,
        log: Offsets,
        may_fail: bool,
    ) {
        match error {
            ReadError::OffsetOutOfRange { .. } => {
                let is_out = from < log.start || from > self.promised_part(log.end);
                assert!(is_out || began.cut != self.cut, "{error}, and is not");
            }
            ReadError::Damaged { .. } => panic!("asked for {from}: {error}"),
            error => assert!(may_fail, "asked for {from}: {error}"),
        }
    }

    /// Whether who looks for a time may be told this.
    pub fn find_failed(&self, began: Moment, error: &ReadError, log: Offsets, may_fail: bool) {
        match error {
            ReadError::OffsetOutOfRange { .. } => {
                let has_moved = began.start < log.start || began.cut != self.cut;
                assert!(has_moved, "by time: {error}");
            }
            ReadError::Damaged { .. } => panic!("by time: {error}"),
            error => assert!(may_fail, "by time: {error}"),
        }
    }

    /// Holds the answer for a time against what was given.
    pub fn found_by_time(
        &mut self,
        timestamp_ms: i64,
        began: Moment,
        answer: Option<(i64, i64)>,
        log: Offsets,
    ) {
        if began.cut != self.cut {
            return;
        }
        let records = self.live().flat_map(|given| {
            let records = given.records.iter();
            (given.base..).zip(records.copied())
        });
        // Whatever moved meanwhile, this was there all the time.
        let mut steady = records
            .clone()
            .filter(|(offset, _)| log.start <= *offset)
            .filter(|(offset, _)| *offset < self.promised_part(began.flushed))
            .filter(|(_, record)| record.timestamp_ms >= timestamp_ms)
            .filter(|(offset, record)| !self.may_be_gone(*offset, record));
        let steady = steady.next();
        let Some((offset, at_ms)) = answer else {
            assert!(
                steady.is_none(),
                "no record at {timestamp_ms} ms, and {steady:?} is"
            );
            return;
        };
        assert!(
            at_ms >= timestamp_ms && offset >= began.start && offset < log.flushed,
            "asked for {timestamp_ms} ms, got {offset} at {at_ms} ms; {began:?}, {log:?}"
        );
        let mut records = records;
        assert!(
            records.any(|(at, record)| (at, record.timestamp_ms) == (offset, at_ms)),
            "no record {offset} of {at_ms} ms was given"
        );
        if let Some((first, _)) = steady {
            assert!(
                offset <= first,
                "{offset} is not the first at {timestamp_ms} ms: {first} is"
            );
        }
    }
}
