//! A batch that passed the checks: what a log takes.

use bytes::Bytes;

use super::Accepted;
use crate::BatchHeader;

/// A batch that was validated, or that this broker built. Nothing else makes one, so whoever
/// is given one need not look at its bytes again.
#[derive(Clone, Debug)]
pub struct CheckedBatch {
    bytes: Bytes,
    header: BatchHeader,
    max_timestamp_ms: i64,
}

impl CheckedBatch {
    pub(super) fn new(records: &Bytes, accepted: Accepted) -> Self {
        Self {
            bytes: records.slice(..accepted.batch_bytes),
            header: accepted.header,
            max_timestamp_ms: accepted.max_timestamp_ms,
        }
    }

    /// A batch of our own, as [`crate::BatchBuilder`] made it.
    pub(crate) fn built(bytes: Bytes, header: BatchHeader) -> Self {
        assert_eq!(bytes.len(), header.size_bytes());
        Self {
            bytes,
            header,
            max_timestamp_ms: header.max_timestamp_ms,
        }
    }

    /// Exactly one batch.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// As its producer wrote it.
    pub fn header(&self) -> &BatchHeader {
        &self.header
    }

    /// The largest timestamp of its records, in ms; the header's may be wrong.
    pub fn max_timestamp_ms(&self) -> i64 {
        self.max_timestamp_ms
    }
}
