//! The records of a batch, one after the other, with places to stop.

use super::rules::{NO_TIMESTAMP, Rules, TimestampBounds};
use super::{RefusalReason, RefusedRecord, RefusedRecords, Rejection};
use crate::BatchHeader;
use crate::records::source::{SliceSource, Source, StreamSource};
use crate::records::stream::{Front, RecordSteps};
use crate::records::{RecordError, read};

/// What was seen of the records so far.
#[derive(Debug)]
pub(super) struct Walk {
    records_count: i32,
    base_timestamp_ms: i64,
    needs_keys: bool,
    bounds: TimestampBounds,
    index: i32,
    /// Those that the batch is refused for; the walk goes on to name them all.
    refused: RefusedRecords,
    pub(super) max_timestamp_ms: i64,
    /// The first record that has the largest timestamp; the last one while none has any.
    pub(super) offset_delta: i32,
}

impl Walk {
    pub(super) fn new(header: &BatchHeader, rules: &Rules) -> Self {
        Self {
            records_count: header.records_count,
            base_timestamp_ms: header.base_timestamp_ms,
            needs_keys: rules.needs_keys,
            bounds: TimestampBounds::of(rules),
            index: 0,
            refused: RefusedRecords::default(),
            max_timestamp_ms: NO_TIMESTAMP,
            offset_delta: header.last_offset_delta,
        }
    }

    /// Reads records in memory from `at` on, and moves it. Stops after a record when
    /// `budget_bytes` are read; true when all records are.
    pub(super) fn read_slice(
        &mut self,
        payload: &[u8],
        at: &mut usize,
        budget_bytes: usize,
    ) -> Result<bool, Rejection> {
        let rest = payload.get(*at..).unwrap_or_default();
        let mut source = SliceSource::new(rest);
        while self.index < self.records_count {
            let read = rest.len() - source.rest().len();
            if read >= budget_bytes {
                *at += read;
                return Ok(false);
            }
            self.check_more(source.is_at_end())?;
            let record = read::begin(&mut source).map_err(|error| self.unreadable(error))?;
            read::end(&mut source, record.headers_count).map_err(|error| self.unreadable(error))?;
            self.check(Front {
                timestamp_delta_ms: record.timestamp_delta_ms,
                offset_delta: record.offset_delta,
                has_key: record.key.is_some(),
            })?;
        }
        self.check_end(source.is_at_end())?;
        Ok(true)
    }

    /// Reads records as they are decompressed, until `budget_bytes` have been; true when all
    /// records are read.
    pub(super) fn read_stream<B: AsRef<[u8]>>(
        &mut self,
        source: &mut StreamSource<B>,
        steps: &mut RecordSteps,
        budget_bytes: usize,
    ) -> Result<bool, Rejection> {
        let until = source.produced_bytes().saturating_add(budget_bytes);
        while self.index < self.records_count {
            if source.produced_bytes() >= until {
                return Ok(false);
            }
            if steps.is_between() {
                self.check_more(source.is_at_end())?;
            }
            let read = steps.read(source, until);
            match read.map_err(|error| self.unreadable(error))? {
                Some(record) => self.check(record)?,
                None => return Ok(false),
            }
        }
        self.check_end(source.is_at_end())?;
        Ok(true)
    }

    fn unreadable(&self, error: RecordError) -> Rejection {
        let index = self.index;
        Rejection::Record { index, error }
    }

    fn check_more(&self, is_at_end: Result<bool, RecordError>) -> Result<(), Rejection> {
        if is_at_end.map_err(|error| self.unreadable(error))? {
            return Err(Rejection::FewerRecords {
                declared: self.records_count,
                found: self.index,
            });
        }
        Ok(())
    }

    fn check_end(&mut self, is_at_end: Result<bool, RecordError>) -> Result<(), Rejection> {
        if !is_at_end.map_err(|error| self.unreadable(error))? {
            return Err(Rejection::MoreRecords {
                declared: self.records_count,
            });
        }
        self.check_refused()
    }

    fn check_refused(&mut self) -> Result<(), Rejection> {
        if self.refused.is_empty() {
            return Ok(());
        }
        Err(Rejection::Records(std::mem::take(&mut self.refused)))
    }

    fn refuse(&mut self, reason: RefusalReason) -> Result<(), Rejection> {
        let index = self.index;
        self.refused.push(RefusedRecord { index, reason });
        self.index += 1;
        if self.refused.is_full() {
            return self.check_refused();
        }
        Ok(())
    }

    fn check(&mut self, record: Front) -> Result<(), Rejection> {
        let index = self.index;
        if record.offset_delta != index {
            return Err(Rejection::OffsetDelta {
                index,
                offset_delta: record.offset_delta,
            });
        }
        if self.needs_keys && !record.has_key {
            return self.refuse(RefusalReason::NullKey);
        }
        let timestamp_ms = self
            .base_timestamp_ms
            .wrapping_add(record.timestamp_delta_ms);
        if !self.bounds.take(timestamp_ms) {
            return self.refuse(RefusalReason::Timestamp {
                timestamp_ms,
                earliest_ms: self.bounds.earliest_ms,
                latest_ms: self.bounds.latest_ms,
            });
        }
        if timestamp_ms > self.max_timestamp_ms {
            self.max_timestamp_ms = timestamp_ms;
            self.offset_delta = index;
        }
        self.index += 1;
        Ok(())
    }
}
