//! Offsets by time (ListOffsets with a timestamp, KIP-32 and KIP-734).

use naru_record_batch::BatchHeader;

use super::place::Place;
use super::{Log, ReadError};
use naru_runtime::Env;

impl<E: Env> Log<E> {
    /// The first record with a timestamp of at least `timestamp_ms` that is flushed, as
    /// (offset, timestamp).
    pub async fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
    ) -> Result<Option<(i64, i64)>, ReadError> {
        for (segment, end) in self.segments_reaching(timestamp_ms) {
            let asked = self.ask_index(segment, |i| i.position_for_timestamp(timestamp_ms));
            let mut position = asked.await?;
            let mut window = None;
            while position < end {
                let header = self
                    .header_at(&mut window, Place { segment, position }, end)
                    .await?;
                if header.max_timestamp_ms >= timestamp_ms
                    && header.next_offset() > self.start_offset()
                    && let Some(found) = self
                        .record_in_batch(segment, position, &header, timestamp_ms)
                        .await?
                {
                    return Ok(Some(found));
                }
                position += header.size_bytes() as u64;
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp, as (offset, timestamp).
    pub async fn offset_of_max_timestamp(&self) -> Result<Option<(i64, i64)>, ReadError> {
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

    /// Segments with a timestamp of at least `timestamp_ms`, and where the flushed part of
    /// each ends.
    fn segments_reaching(&self, timestamp_ms: i64) -> Vec<(i64, u64)> {
        let state = self.state();
        let flushed = state.durability().flushed().place;
        let sealed = state
            .segments()
            .sealed_iter()
            .filter(|s| s.max_timestamp_ms() >= timestamp_ms)
            .map(|s| (s.base_offset(), s.size_bytes()));
        let unsealed = state
            .segments()
            .unsealed_iter()
            .filter(|s| s.max_timestamp_ms() >= timestamp_ms)
            .filter(|s| s.base_offset() == flushed.segment)
            .map(|s| (s.base_offset(), flushed.position));
        sealed.chain(unsealed).collect()
    }

    /// The first record of a batch with at least this timestamp.
    async fn record_in_batch(
        &self,
        segment: i64,
        position: u64,
        header: &BatchHeader,
        timestamp_ms: i64,
    ) -> Result<Option<(i64, i64)>, ReadError> {
        if header.attributes.is_log_append_time() {
            return Ok(Some((header.base_offset, header.max_timestamp_ms)));
        }
        let end = position + header.size_bytes() as u64;
        let bytes = self.bytes(segment, position, end).await?.concat();
        Ok(naru_record_batch::first_record_at(&bytes, timestamp_ms))
    }
}
