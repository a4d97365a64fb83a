//! The first record of a batch that is not older than a time (ListOffsets, KIP-79).

use std::task::Poll;

use super::RecordError;
use super::read;
use super::source::{SliceSource, Source, StreamSource};
use super::stream::RecordSteps;
use crate::compression::{Codec, Decoder};
use crate::{BatchHeader, HEADER_BYTES};

/// A record, as (offset, timestamp).
type Found = (i64, i64);

/// A search for the first record from an offset on with a timestamp of at least some time. In
/// steps: a batch of a few kilobytes may decompress to gigabytes, and whoever looks through
/// it has others to look after. Records before the log's start offset are deleted, though
/// their batch is there: they are no answer.
///
/// A batch whose records cannot be read (it was stored on a check of the header alone) is
/// answered with its first offset: a consumer that starts there misses nothing. One that
/// compaction has emptied has no answer, whatever its header says of its timestamps.
pub struct RecordSearch<B: AsRef<[u8]>> {
    header: BatchHeader,
    timestamp_ms: i64,
    from: i64,
    records: Records<B>,
}

enum Records<B: AsRef<[u8]>> {
    /// In memory, searched up to this byte.
    Plain(B, usize),
    Compressed(Box<StreamSource<B>>, RecordSteps),
    Unreadable,
}

impl<B: AsRef<[u8]>> RecordSearch<B> {
    /// Begins a search in the records of a batch, the `payload` after its header.
    pub fn start(header: BatchHeader, payload: B, timestamp_ms: i64, from: i64) -> Self {
        let records = match Codec::of(header.attributes) {
            Ok(Codec::None) => Records::Plain(payload, 0),
            Ok(codec) => match Decoder::open(codec, payload, usize::MAX) {
                Ok(decoder) => {
                    let source = Box::new(StreamSource::new(decoder));
                    Records::Compressed(source, RecordSteps::default())
                }
                Err(_) => Records::Unreadable,
            },
            Err(_) => Records::Unreadable,
        };
        Self {
            header,
            timestamp_ms,
            from,
            records,
        }
    }

    /// Goes on for about `budget_bytes` of what the batch decompresses to; a decompressor's
    /// block is not divided. Not to be called again once it is ready.
    pub fn step(&mut self, budget_bytes: usize) -> Poll<Option<Found>> {
        let header = &self.header;
        let whole_batch = (header.base_offset.max(self.from), header.max_timestamp_ms);
        let has_none = header.is_empty() || header.max_timestamp_ms < self.timestamp_ms;
        if has_none || header.next_offset() <= self.from {
            return Poll::Ready(None);
        }
        let is_log_append_time = header.attributes.is_log_append_time();
        if is_log_append_time && header.is_whole() {
            return Poll::Ready(Some(whole_batch));
        }
        let (timestamp_ms, from) = (self.timestamp_ms, self.from);
        let is_wanted = |timestamp_delta_ms: i64, offset_delta: i32| {
            let at_ms = match is_log_append_time {
                true => header.max_timestamp_ms,
                false => header.base_timestamp_ms.wrapping_add(timestamp_delta_ms),
            };
            let offset = header.base_offset.wrapping_add(i64::from(offset_delta));
            (at_ms >= timestamp_ms && offset >= from).then_some((offset, at_ms))
        };
        let found = match &mut self.records {
            Records::Plain(payload, at) => {
                let rest = payload.as_ref().get(*at..).unwrap_or_default();
                search_slice(rest, at, budget_bytes, is_wanted)
            }
            Records::Compressed(source, steps) => {
                search_stream(source, steps, budget_bytes, is_wanted)
            }
            Records::Unreadable => return Poll::Ready(Some(whole_batch)),
        };
        found.unwrap_or(Poll::Ready(Some(whole_batch)))
    }
}

/// As [`RecordSearch`], in one go.
pub fn first_record_at(batch: &[u8], timestamp_ms: i64, from: i64) -> Option<Found> {
    let header = BatchHeader::parse(batch).ok()?;
    let payload = batch.get(HEADER_BYTES..)?;
    let mut search = RecordSearch::start(header, payload, timestamp_ms, from);
    loop {
        if let Poll::Ready(found) = search.step(usize::MAX) {
            return found;
        }
    }
}

/// Searches the records in `rest`, and moves `at` with them.
fn search_slice(
    rest: &[u8],
    at: &mut usize,
    budget_bytes: usize,
    is_wanted: impl Fn(i64, i32) -> Option<Found>,
) -> Result<Poll<Option<Found>>, RecordError> {
    let mut source = SliceSource::new(rest);
    while !source.is_at_end()? {
        let read_bytes = rest.len() - source.rest().len();
        if read_bytes >= budget_bytes {
            *at += read_bytes;
            return Ok(Poll::Pending);
        }
        let body = read::begin(&mut source)?;
        read::end(&mut source, body.headers_count)?;
        let found = is_wanted(body.timestamp_delta_ms, body.offset_delta);
        if found.is_some() {
            return Ok(Poll::Ready(found));
        }
    }
    Ok(Poll::Ready(None))
}

fn search_stream<B: AsRef<[u8]>>(
    source: &mut StreamSource<B>,
    steps: &mut RecordSteps,
    budget_bytes: usize,
    is_wanted: impl Fn(i64, i32) -> Option<Found>,
) -> Result<Poll<Option<Found>>, RecordError> {
    let until = source.produced_bytes().saturating_add(budget_bytes);
    loop {
        if steps.is_between() && source.is_at_end()? {
            return Ok(Poll::Ready(None));
        }
        let Some(record) = steps.read(source, until)? else {
            return Ok(Poll::Pending);
        };
        let found = is_wanted(record.timestamp_delta_ms, record.offset_delta);
        if found.is_some() {
            return Ok(Poll::Ready(found));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BatchBuilder;

    const TIMESTAMPS_MS: [i64; 6] = [30, 10, 50, 20, 90, 70];

    const CODECS: [Codec; 5] = [
        Codec::None,
        Codec::Gzip,
        Codec::Snappy,
        Codec::Lz4,
        Codec::Zstd,
    ];

    #[test]
    fn steps_of_any_size_find_what_reading_all_records_finds() {
        for codec in CODECS {
            let mut builder = BatchBuilder::new(codec);
            for (number, timestamp_ms) in TIMESTAMPS_MS.into_iter().enumerate() {
                let value = vec![number as u8; number * 9_000];
                builder.push_pair(timestamp_ms, Some(b"key"), Some(&value));
            }
            let batch = builder.build().unwrap_or_default();
            let all: Vec<Found> = (0..).zip(TIMESTAMPS_MS).collect();
            for timestamp_ms in 0..=100 {
                for from in 0..=6 {
                    let fits = |found: &&Found| found.1 >= timestamp_ms && found.0 >= from;
                    let expected = all.iter().find(fits).copied();
                    assert_eq!(first_record_at(&batch, timestamp_ms, from), expected);
                }
                for budget_bytes in [1, 1_000, 20_000, 1 << 20] {
                    let expected = first_record_at(&batch, timestamp_ms, 0);
                    let header = BatchHeader::parse(&batch).ok();
                    let payload = &batch[HEADER_BYTES..];
                    let search = header.map(|h| RecordSearch::start(h, payload, timestamp_ms, 0));
                    let mut search = search.unwrap_or_else(|| panic!("it was just built"));
                    let found = loop {
                        if let Poll::Ready(found) = search.step(budget_bytes) {
                            break found;
                        }
                    };
                    assert_eq!(found, expected, "{codec}, {budget_bytes} at a time");
                }
            }
        }
    }
}
