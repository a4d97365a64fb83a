//! The records for which a batch is refused: all of them are named, so that a client may drop
//! them and send the others again (KIP-467).

use std::fmt;

/// Records that are named at most; what comes after them is not looked at. Clients put no more
/// into a batch unless they are told to (librdkafka's `batch.num.messages`).
pub(super) const REFUSED_RECORDS_MAX: usize = 10_000;

/// A record that alone would be reason enough to refuse its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Its place in the batch, from 0.
    pub index: i32,
    pub reason: RefusalReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusalReason {
    #[error("the record has no key, which a compacted topic needs (cleanup.policy)")]
    NullKey,
    #[error(
        "timestamp {timestamp_ms} is outside of {earliest_ms} to {latest_ms} \
         (message.timestamp.before.max.ms, message.timestamp.after.max.ms)"
    )]
    Timestamp {
        timestamp_ms: i64,
        earliest_ms: i64,
        latest_ms: i64,
    },
}

/// The refused records of a batch in their order, one at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RefusedRecords(Vec<RefusedRecord>);

impl RefusedRecords {
    pub(super) fn push(&mut self, record: RefusedRecord) {
        assert!(self.0.len() < REFUSED_RECORDS_MAX, "the walk goes on");
        self.0.push(record);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() == REFUSED_RECORDS_MAX
    }

    pub fn as_slice(&self) -> &[RefusedRecord] {
        &self.0
    }

    /// Whether any is refused for its timestamp: the batch's error is then that one, as in Kafka.
    pub(super) fn has_timestamp(&self) -> bool {
        let is_timestamp = |record: &RefusedRecord| match record.reason {
            RefusalReason::Timestamp { .. } => true,
            RefusalReason::NullKey => false,
        };
        self.0.iter().any(is_timestamp)
    }
}

impl fmt::Display for RefusedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0.first() else {
            return Ok(());
        };
        write!(f, "record {}: {}", first.index, first.reason)?;
        match self.0.len() {
            1 => Ok(()),
            2 => f.write_str("; and one more record is refused"),
            count => write!(f, "; and {} more records are refused", count - 1),
        }
    }
}
