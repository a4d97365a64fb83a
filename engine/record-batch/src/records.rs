//! Walking the records of a batch.

use crate::BatchHeader;

/// The first record with a timestamp of at least `timestamp_ms`, as (offset, timestamp).
pub fn first_record_at(batch: &[u8], timestamp_ms: i64) -> Option<(i64, i64)> {
    let header = BatchHeader::parse(batch).ok()?;
    (header.max_timestamp_ms >= timestamp_ms)
        .then_some((header.base_offset, header.base_timestamp_ms))
}
