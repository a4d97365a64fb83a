//! What a consumer that stands at an offset has before it.

use naru_engine::log::{ReadError, SegmentFacts};
use naru_record_batch::BatchHeader;

use super::Partition;

/// The attribute bit that says that a batch's base timestamp is a delete horizon (KIP-534).
const HAS_DELETE_HORIZON: i16 = 1 << 6;

/// A partition, as a consumer at an offset sees it; plain data, for other shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unread {
    pub start_offset: i64,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub size_bytes: u64,
    /// The timestamp of the next batch with data: of its first record, where it says so. -1 if
    /// its records have none.
    pub next_timestamp_ms: Option<i64>,
    /// The segment of the next offset.
    pub segment: Option<SegmentFacts>,
    /// How long and how much is kept, where retention deletes at all.
    pub keep_ms: Option<i64>,
    pub keep_bytes: Option<u64>,
}

impl Partition {
    /// What is unread from `offset` on. Reads the headers of a batch or a few, from the disk if
    /// they are old; no record.
    pub async fn unread(&self, offset: i64) -> Result<Unread, ReadError> {
        let next = loop {
            let from = offset.max(self.start_offset());
            if from >= self.committed() {
                break None;
            }
            match self.log.next_data(from, self.committed()).await {
                Ok(next) => break next,
                // Retention was faster.
                Err(ReadError::OffsetOutOfRange { start, .. }) if from < start => {}
                Err(error) => return Err(error),
            }
        };
        let config = self.config.borrow();
        let expires = config.cleanup_policy.delete;
        let keep_ms = config.retention_ms.get().filter(|_| expires);
        let from = offset.max(self.start_offset());
        Ok(Unread {
            start_offset: self.start_offset(),
            high_watermark: self.committed(),
            last_stable_offset: self.last_stable_offset(),
            size_bytes: self.log.size_bytes(),
            next_timestamp_ms: next.as_ref().map(timestamp_ms),
            segment: self
                .log
                .segment_facts(from)
                .filter(|_| from < self.committed()),
            keep_ms: keep_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            keep_bytes: config.retention_bytes.get().filter(|_| expires),
        })
    }
}

fn timestamp_ms(header: &BatchHeader) -> i64 {
    let attributes = header.attributes;
    if attributes.is_log_append_time() || attributes.0 & HAS_DELETE_HORIZON != 0 {
        header.max_timestamp_ms
    } else {
        header.base_timestamp_ms
    }
}
