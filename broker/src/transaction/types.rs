//! Small things that go together: an id with its epoch, a topic with an index, the time.

/// The time of an event, by both clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Monotonic, from any beginning, in ms: for timeouts of transactions.
    pub steady_ms: i64,
    /// Since 1970, in ms: for what is written into records, and for how long ids are kept.
    pub wall_ms: i64,
}

/// Who a producer is to the partitions that it writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerIdAndEpoch {
    pub producer_id: i64,
    pub producer_epoch: i16,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub index: i32,
}

/// A level of the feature `transaction.version` (KIP-1022): of the cluster, or the one that a
/// client's request belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransactionVersion {
    #[default]
    V0,
    /// Records have tagged fields.
    V1,
    /// Each transaction has an epoch of its own, and partitions are added by writing to them
    /// (KIP-890).
    V2,
}

impl TransactionVersion {
    /// Levels above those that are known do at least what is known.
    pub fn from_level(level: i16) -> Self {
        match level {
            ..=0 => Self::V0,
            1 => Self::V1,
            2.. => Self::V2,
        }
    }

    pub fn level(self) -> i16 {
        self as i16
    }

    /// Whether the epoch is raised at the end of each transaction.
    pub fn raises_epoch(self) -> bool {
        self >= Self::V2
    }
}
