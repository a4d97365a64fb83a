//! The first record of a batch that is not older than a time (ListOffsets, KIP-79).

use super::RecordError;
use super::read;
use super::source::{SliceSource, Source, StreamSource};
use crate::compression::{Codec, Decoder};
use crate::{BatchHeader, HEADER_BYTES};

/// The first record from offset `from` on with a timestamp of at least `timestamp_ms`, as
/// (offset, timestamp). Records before the log's start offset are deleted, though their batch is
/// there: they are no answer.
///
/// A batch whose records cannot be read (it was stored on a check of the header alone) is
/// answered with its first offset: a consumer that starts there misses nothing.
pub fn first_record_at(batch: &[u8], timestamp_ms: i64, from: i64) -> Option<(i64, i64)> {
    let header = BatchHeader::parse(batch).ok()?;
    if header.max_timestamp_ms < timestamp_ms || header.next_offset() <= from {
        return None;
    }
    let whole_batch = (header.base_offset.max(from), header.max_timestamp_ms);
    if header.attributes.is_log_append_time() {
        return Some(whole_batch);
    }
    let payload = batch.get(HEADER_BYTES..)?;
    let found = match Codec::of(header.attributes) {
        Ok(Codec::None) => search(&mut SliceSource::new(payload), &header, timestamp_ms, from),
        Ok(codec) => match Decoder::open(codec, payload, usize::MAX) {
            Ok(decoder) => search(&mut StreamSource::new(decoder), &header, timestamp_ms, from),
            Err(_) => return Some(whole_batch),
        },
        Err(_) => return Some(whole_batch),
    };
    found.unwrap_or(Some(whole_batch))
}

fn search<S: Source>(
    source: &mut S,
    header: &BatchHeader,
    timestamp_ms: i64,
    from: i64,
) -> Result<Option<(i64, i64)>, RecordError> {
    while !source.is_at_end()? {
        let body = read::begin(source)?;
        read::end(source, body.headers_count)?;
        let at_ms = header
            .base_timestamp_ms
            .wrapping_add(body.timestamp_delta_ms);
        let offset_delta = i64::from(body.offset_delta);
        let offset = header.base_offset.wrapping_add(offset_delta);
        if at_ms >= timestamp_ms && offset >= from {
            return Ok(Some((offset, at_ms)));
        }
    }
    Ok(None)
}
