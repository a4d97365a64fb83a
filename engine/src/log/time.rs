//! Offsets by time (ListOffsets with a timestamp, KIP-32 and KIP-734).
//!
//! Segments may be dropped while they are looked through: the answer is then among those that
//! are left. After a truncation the search starts again.

use std::task::Poll;

use bytes::Bytes;
use naru_record_batch::{BatchHeader, HEADER_BYTES, RecordSearch};

use super::place::Place;
use super::read::Interrupted;
use super::{Log, ReadError};
use naru_runtime::{Env, yield_now};

/// What is decompressed of a batch before other tasks have their turn, in bytes: well under a
/// millisecond.
const SEARCH_STEP_BYTES: usize = 128 << 10;

/// A segment that is looked through.
#[derive(Clone, Copy)]
struct Searched {
    base_offset: i64,
    /// Where the part of it ends that may be read, in bytes.
    end: u64,
    cuts: u64,
}

/// A record, as (offset, timestamp).
type Found = (i64, i64);

impl<E: Env> Log<E> {
    /// The first record with a timestamp of at least `timestamp_ms` that is flushed, as
    /// (offset, timestamp).
    pub async fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<Found>, ReadError> {
        let up_to = self.flushed_offset();
        self.offset_for_timestamp_up_to(timestamp_ms, up_to).await
    }

    /// As [`Self::offset_for_timestamp`], among the batches that end at `up_to` or before it
    /// and are written: a consumer's search stops at the high watermark.
    pub async fn offset_for_timestamp_up_to(
        &self,
        timestamp_ms: i64,
        up_to: i64,
    ) -> Result<Option<Found>, ReadError> {
        loop {
            match self.search(timestamp_ms, up_to).await {
                Err(Interrupted::Cut) => {}
                Err(Interrupted::Failed(error)) => return Err(error),
                Ok(found) => return Ok(found),
            }
        }
    }

    /// The first record with the largest timestamp, as (offset, timestamp).
    pub async fn offset_of_max_timestamp(&self) -> Result<Option<Found>, ReadError> {
        let largest = {
            let state = self.state();
            let segments = state.segments();
            let sealed = segments.sealed_iter().map(|s| s.max_timestamp_ms());
            let unsealed = segments.unsealed_iter().map(|s| s.max_timestamp_ms());
            sealed.chain(unsealed).max()
        };
        match largest {
            Some(timestamp_ms) if timestamp_ms >= 0 => {
                self.offset_for_timestamp(timestamp_ms).await
            }
            _ => Ok(None),
        }
    }

    async fn search(&self, timestamp_ms: i64, up_to: i64) -> Result<Option<Found>, Interrupted> {
        for segment in self.segments_reaching(timestamp_ms, up_to) {
            let found = self.search_in(segment, timestamp_ms, up_to).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Segments that begin before `up_to`, with a timestamp of at least `timestamp_ms`, the
    /// oldest first.
    fn segments_reaching(&self, timestamp_ms: i64, up_to: i64) -> Vec<Searched> {
        let state = self.state();
        let last = state.readable();
        let cuts = state.readers.cuts();
        let sealed = state.segments().sealed_iter();
        let sealed = sealed.filter(|s| s.max_timestamp_ms() >= timestamp_ms);
        let sealed = sealed.map(|s| (s.base_offset(), s.size_bytes()));
        let unsealed = state.segments().unsealed_iter();
        let unsealed = unsealed.filter(|s| s.max_timestamp_ms() >= timestamp_ms);
        let unsealed = unsealed.map(|s| (s.base_offset(), s.position()));
        let reaching = sealed.chain(unsealed);
        let readable = reaching.filter(|(base, _)| *base <= last.place.segment && *base < up_to);
        let searched = readable.map(|(base_offset, size_bytes)| Searched {
            base_offset,
            end: match base_offset == last.place.segment {
                true => last.place.position,
                false => size_bytes,
            },
            cuts,
        });
        searched.collect()
    }

    async fn search_in(
        &self,
        segment: Searched,
        timestamp_ms: i64,
        up_to: i64,
    ) -> Result<Option<Found>, Interrupted> {
        let base_offset = segment.base_offset;
        let asked = self.ask_index(base_offset, |i| i.position_for_timestamp(timestamp_ms));
        let asked = asked.await;
        let Some(mut position) = self.if_there(segment, asked)? else {
            return Ok(None);
        };
        let mut window = None;
        while position < segment.end {
            let place = Place {
                segment: base_offset,
                position,
            };
            let header = self.header_at(&mut window, place, segment.end).await;
            let Some(header) = self.if_there(segment, header)? else {
                return Ok(None);
            };
            if header.next_offset() > up_to {
                return Ok(None);
            }
            if header.max_timestamp_ms >= timestamp_ms && header.next_offset() > self.start_offset()
            {
                let found = self.search_batch(place, &header, timestamp_ms).await;
                let Some(found) = self.if_there(segment, found)? else {
                    return Ok(None);
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
            position += header.size_bytes() as u64;
        }
        Ok(None)
    }

    /// What was got by waiting; nothing of a segment that was dropped meanwhile.
    fn if_there<T>(
        &self,
        segment: Searched,
        got: Result<T, ReadError>,
    ) -> Result<Option<T>, Interrupted> {
        let state = self.state();
        if segment.cuts != state.readers.cuts() {
            return Err(Interrupted::Cut);
        }
        let first = state.segments().segment_of(state.start_offset());
        if first.is_none_or(|first| segment.base_offset < first.segment) {
            return Ok(None);
        }
        got.map(Some).map_err(Interrupted::Failed)
    }

    /// The first record of a batch with at least this timestamp.
    async fn search_batch(
        &self,
        place: Place,
        header: &BatchHeader,
        timestamp_ms: i64,
    ) -> Result<Option<Found>, ReadError> {
        if header.is_empty() {
            return Ok(None);
        }
        if header.attributes.is_log_append_time() && header.is_whole() {
            let first = header.base_offset.max(self.start_offset());
            return Ok(Some((first, header.max_timestamp_ms)));
        }
        let end = place.position + header.size_bytes() as u64;
        let bytes = self.bytes(place.segment, place.position, end).await?;
        let payload = Bytes::from(bytes.concat()).slice(HEADER_BYTES..);
        let start = self.start_offset();
        let mut search = RecordSearch::start(*header, payload, timestamp_ms, start);
        loop {
            match search.step(SEARCH_STEP_BYTES) {
                Poll::Ready(found) => return Ok(found),
                Poll::Pending => yield_now().await,
            }
        }
    }
}
