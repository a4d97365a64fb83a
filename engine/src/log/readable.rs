//! Where an offset is in the log, so that the bytes between two offsets are told exactly
//! and without reading them (Kafka's LogOffsetMetadata).
//!
//! A fetch that waits for its `min.bytes` asks once where its offset is, and then compares
//! that with the high watermark whenever it moves.

use naru_runtime::Env;

use super::place::Place;
use super::{Log, ReadError};

/// An offset, and where in its segment the batch that holds it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOffsetMetadata {
    pub offset: i64,
    pub(super) place: Place,
}

impl LogOffsetMetadata {
    /// Whether `other` is in a later segment. A fetch from here does not reach it: one answer
    /// reads one segment.
    pub fn is_on_older_segment_than(&self, other: &Self) -> bool {
        self.place.segment < other.place.segment
    }

    /// The bytes from here to `end`, which is in the same segment; 0 if it is not after this.
    pub fn bytes_to(&self, end: &Self) -> u64 {
        if self.place.segment != end.place.segment {
            return 0;
        }
        end.place.position.saturating_sub(self.place.position)
    }
}

impl<E: Env> Log<E> {
    /// Where `offset` is. What is not flushed yet is taken to be at the end of what is. In the
    /// tail this waits for nothing.
    ///
    /// # Errors
    /// `OffsetOutOfRange` when the log does not hold `offset`.
    pub async fn offset_metadata(&self, offset: i64) -> Result<LogOffsetMetadata, ReadError> {
        let flushed = self.state().durability().flushed();
        if offset == flushed.next_offset {
            let place = flushed.place;
            return Ok(LogOffsetMetadata { offset, place });
        }
        let found = self.find_batch(offset, flushed.next_offset).await?;
        let place = found.map_or(flushed.place, |found| found.place);
        Ok(LogOffsetMetadata { offset, place })
    }
}
