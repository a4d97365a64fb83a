//! Appending: a batch gets its offsets and its place, and is copied into the tail.

use bytes::Bytes;
use naru_record_batch::{
    BatchHeader, CheckedBatch, HEADER_BYTES, HeaderError, stamp, stamp_log_append_time,
    stamp_max_timestamp,
};

use super::place::Place;
use super::state::State;
use super::{Log, LogError};
use crate::index::ABORTED_ENTRIES_MAX;
use naru_runtime::Env;

/// What the leader writes into a batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamp {
    pub leader_epoch: i32,
    /// The broker's time, where the topic asks for it, in ms. Takes a new checksum.
    pub log_append_time_ms: Option<i64>,
    /// The true largest timestamp, where the producer's is wrong, in ms. Takes a new
    /// checksum.
    pub max_timestamp_ms: Option<i64>,
}

/// The offsets of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub base_offset: i64,
    pub last_offset: i64,
    /// It is the first batch of a segment: see [`Log::keep_snapshot`].
    pub begins_segment: bool,
}

impl<E: Env> Log<E> {
    /// Appends exactly one batch that was checked. Never waits; the write is under way
    /// when this returns. `now_ms` decides whether the segment is too old.
    ///
    /// # Errors
    /// When the log or its directory failed before, or is closed, or has no room for now.
    /// Nothing is appended then.
    ///
    /// # Panics
    /// When `batch` is shorter than a batch header: it was not checked.
    pub fn append(&self, batch: &Bytes, stamp: Stamp, now_ms: i64) -> Result<Appended, LogError> {
        let header = BatchHeader::parse(batch).unwrap_or_else(|error: HeaderError| {
            panic!("an unchecked batch reached the log: {error}")
        });
        self.append_as(batch, header, stamp, now_ms)
    }

    /// As [`Self::append`], for a batch whose header is known.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_checked(
        &self,
        batch: &CheckedBatch,
        stamp: Stamp,
        now_ms: i64,
    ) -> Result<Appended, LogError> {
        self.append_as(batch.bytes(), *batch.header(), stamp, now_ms)
    }

    fn append_as(
        &self,
        batch: &[u8],
        header: BatchHeader,
        stamp: Stamp,
        now_ms: i64,
    ) -> Result<Appended, LogError> {
        self.check_append()?;
        let appended = self.state().place(batch, header, stamp, now_ms);
        self.start_writer();
        Ok(appended)
    }

    fn check_append(&self) -> Result<(), LogError> {
        self.check()?;
        let full = {
            let state = self.state();
            if state.life().is_closing() {
                return Err(self.closed());
            }
            state.life().full().cloned()
        };
        full.map_or(Ok(()), |error| {
            self.probe_for_room();
            Err(error)
        })
    }
}

impl<F> State<F> {
    fn place(&mut self, batch: &[u8], mut header: BatchHeader, by: Stamp, now_ms: i64) -> Appended {
        let base_offset = self.end_offset();
        if self.is_roll_due(batch.len() as u64, now_ms) {
            self.rolled(now_ms);
        }
        header.base_offset = base_offset;
        header.partition_leader_epoch = by.leader_epoch;
        if let Some(timestamp_ms) = by.log_append_time_ms.or(by.max_timestamp_ms) {
            header.max_timestamp_ms = timestamp_ms;
        }
        let place = self.appended(&header);
        self.copy(place, batch, base_offset, by);
        Appended {
            base_offset,
            last_offset: header.last_offset(),
            begins_segment: place.position == 0,
        }
    }

    /// Copies the batch into the tail, its header stamped.
    fn copy(&mut self, place: Place, batch: &[u8], base_offset: i64, by: Stamp) {
        let takes_new_checksum = by.log_append_time_ms.is_some() || by.max_timestamp_ms.is_some();
        if takes_new_checksum {
            let mut copy = batch.to_vec();
            stamp(&mut copy, base_offset, by.leader_epoch);
            match (by.log_append_time_ms, by.max_timestamp_ms) {
                (Some(now_ms), _) => stamp_log_append_time(&mut copy, now_ms),
                (None, Some(max_ms)) => stamp_max_timestamp(&mut copy, max_ms),
                (None, None) => {}
            }
            return self.tail.append(place, &copy);
        }
        let (head, records) = batch.split_at(HEADER_BYTES);
        let mut stamped = [0; HEADER_BYTES];
        stamped.copy_from_slice(head);
        stamp(&mut stamped, base_offset, by.leader_epoch);
        self.tail.append(place, &stamped);
        let after = Place {
            position: place.position + HEADER_BYTES as u64,
            ..place
        };
        self.tail.append(after, records);
    }

    fn is_roll_due(&self, batch_bytes: u64, now_ms: i64) -> bool {
        let Some(segment) = self.segments().active() else {
            return true;
        };
        let is_full = segment.position() + batch_bytes > self.config().segment_bytes;
        let has_many_aborted = segment.index().aborted().len() >= ABORTED_ENTRIES_MAX.get();
        let is_old = now_ms.saturating_sub(segment.created_ms()) >= self.config().segment_ms;
        segment.position() > 0 && (is_full || is_old || has_many_aborted)
    }
}
