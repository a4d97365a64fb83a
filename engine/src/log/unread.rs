//! What a reader has before it: the next data, and how retention sees the segment that holds it.

use naru_record_batch::BatchHeader;

use super::{Log, ReadError};
use naru_runtime::Env;

/// Batches without data that are passed over in one search. Markers come one to a transaction, and
/// compaction empties what it leaves of old producers: more of them than this in a row are rare,
/// and the search ends at the last of them.
const PASSED_OVER_MAX: usize = 64;

/// A segment, as retention sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The offset after its last record.
    pub end_offset: i64,
    /// The largest timestamp in it, in ms; negative if its records have none.
    pub max_timestamp_ms: i64,
    /// What the segments after it hold.
    pub bytes_after: u64,
}

impl<E: Env> Log<E> {
    /// The header of the first batch at or after the one that holds `from` that has records for
    /// a consumer, below `up_to`: none of a transaction that was aborted, no marker.
    pub async fn next_data(&self, from: i64, up_to: i64) -> Result<Option<BatchHeader>, ReadError> {
        let mut offset = from;
        let mut last = None;
        for _ in 0..PASSED_OVER_MAX {
            let Some(found) = self.find_batch(offset, up_to).await? else {
                return Ok(None);
            };
            let header = found.header;
            let is_data = header.records_count > 0 && !header.attributes.is_control();
            if is_data && !self.is_aborted(&header).await? {
                return Ok(Some(header));
            }
            offset = header.next_offset();
            last = Some(header);
        }
        Ok(last)
    }

    /// Whether the batch is of a transaction that was aborted. One that is open was not, yet.
    async fn is_aborted(&self, header: &BatchHeader) -> Result<bool, ReadError> {
        if !header.attributes.is_transactional() {
            return Ok(false);
        }
        let (from, end) = (header.base_offset, header.next_offset());
        let aborted = self.aborted_transactions(from, end).await?;
        let mut aborted = aborted.iter();
        Ok(aborted.any(|one| {
            let (id, first, last) = (one.producer_id, one.first_offset, one.last_offset);
            id == header.producer_id && (first..=last).contains(&from)
        }))
    }

    /// The segment that holds an offset; `None` if the log does not.
    pub fn segment_facts(&self, offset: i64) -> Option<SegmentFacts> {
        let state = self.state();
        if offset < state.start_offset() || offset >= state.end_offset() {
            return None;
        }
        let segments = state.segments();
        let sealed = segments
            .sealed_iter()
            .map(|s| (s.base_offset(), s.max_timestamp_ms(), s.size_bytes()));
        let unsealed = segments
            .unsealed_iter()
            .map(|s| (s.base_offset(), s.max_timestamp_ms(), s.position()));
        let mut found: Option<SegmentFacts> = None;
        for (base_offset, max_timestamp_ms, size_bytes) in sealed.chain(unsealed) {
            if base_offset <= offset {
                found = Some(SegmentFacts {
                    end_offset: state.end_offset(),
                    max_timestamp_ms,
                    bytes_after: 0,
                });
            } else if let Some(facts) = &mut found {
                facts.end_offset = facts.end_offset.min(base_offset);
                facts.bytes_after += size_bytes;
            }
        }
        found
    }
}
