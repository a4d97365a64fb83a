//! One pass over the records of a batch.

use super::Rejection;
use super::rules::{NO_TIMESTAMP, TimestampBounds};
use crate::BatchHeader;
use crate::records::source::Source;
use crate::records::{RecordError, read};

/// The largest timestamp of a batch and the first record that has it.
pub(super) struct Walked {
    pub(super) max_timestamp_ms: i64,
    pub(super) offset_delta: i32,
}

/// Reads as many records as the header declares, and no byte may be left.
pub(super) fn walk<S: Source>(
    source: &mut S,
    header: &BatchHeader,
    needs_keys: bool,
    bounds: TimestampBounds,
) -> Result<Walked, Rejection> {
    let mut walked = Walked {
        max_timestamp_ms: NO_TIMESTAMP,
        offset_delta: header.last_offset_delta,
    };
    for index in 0..header.records_count {
        let unreadable = |error| Rejection::Record { index, error };
        if source.is_at_end().map_err(unreadable)? {
            return Err(Rejection::FewerRecords {
                declared: header.records_count,
                found: index,
            });
        }
        let record = read::begin(source).map_err(unreadable)?;
        read::end(source, record.headers_count).map_err(unreadable)?;
        if record.offset_delta != index {
            return Err(Rejection::OffsetDelta {
                index,
                offset_delta: record.offset_delta,
            });
        }
        if needs_keys && record.key.is_none() {
            return Err(Rejection::NullKey { index });
        }
        let timestamp_ms = header
            .base_timestamp_ms
            .wrapping_add(record.timestamp_delta_ms);
        if !bounds.take(timestamp_ms) {
            return Err(Rejection::Timestamp {
                index: Some(index),
                timestamp_ms,
                earliest_ms: bounds.earliest_ms,
                latest_ms: bounds.latest_ms,
            });
        }
        if timestamp_ms > walked.max_timestamp_ms {
            walked.max_timestamp_ms = timestamp_ms;
            walked.offset_delta = index;
        }
    }
    let is_at_end = source.is_at_end().map_err(|error: RecordError| {
        let index = header.records_count;
        Rejection::Record { index, error }
    })?;
    if !is_at_end {
        return Err(Rejection::MoreRecords {
            declared: header.records_count,
        });
    }
    Ok(walked)
}
