//! What a topic and the broker's config ask of a batch.

/// How much of a batch is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Every record, decompressed, as Kafka does: no producer can leave a batch that no consumer
    /// can read.
    #[default]
    Full,
    /// Framing, header and checksum. Null keys go unseen, and of the timestamps only the largest
    /// is checked, as the header declares it.
    HeaderAndCrc,
}

/// The limits are those of the topic's config, by the names that [`crate::Rejection`] cites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `max.message.bytes`: the whole batch, as sent.
    pub batch_bytes_max: usize,
    /// `max.decompressed.message.bytes`: what the records may decompress to.
    pub decompressed_bytes_max: usize,
    pub depth: Depth,
    /// Whether the request's version knows zstd (Produce v7, KIP-110).
    pub zstd_is_allowed: bool,
    /// Whether the topic is compacted: a record without a key would never go away.
    pub needs_keys: bool,
    /// Whether timestamps are the producer's (`message.timestamp.type=CreateTime`).
    pub checks_timestamps: bool,
    pub now_ms: i64,
    /// `message.timestamp.after.max.ms` (KIP-937).
    pub timestamp_after_max_ms: i64,
    /// `message.timestamp.before.max.ms` (KIP-937).
    pub timestamp_before_max_ms: i64,
}

/// Kafka's defaults, at the time 0.
impl Default for Rules {
    fn default() -> Self {
        Self {
            batch_bytes_max: 1_048_588,
            decompressed_bytes_max: 2_147_483_639,
            depth: Depth::Full,
            zstd_is_allowed: true,
            needs_keys: false,
            checks_timestamps: true,
            now_ms: 0,
            timestamp_after_max_ms: 3_600_000,
            timestamp_before_max_ms: i64::MAX,
        }
    }
}

/// A record without a timestamp; no bound applies to it.
pub(super) const NO_TIMESTAMP: i64 = -1;

/// The timestamps that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimestampBounds {
    pub(super) earliest_ms: i64,
    pub(super) latest_ms: i64,
}

impl TimestampBounds {
    pub(super) fn of(rules: &Rules) -> Self {
        if !rules.checks_timestamps {
            return Self {
                earliest_ms: i64::MIN,
                latest_ms: i64::MAX,
            };
        }
        Self {
            earliest_ms: rules.now_ms.saturating_sub(rules.timestamp_before_max_ms),
            latest_ms: rules.now_ms.saturating_add(rules.timestamp_after_max_ms),
        }
    }

    pub(super) fn take(self, timestamp_ms: i64) -> bool {
        let is_within = timestamp_ms >= self.earliest_ms && timestamp_ms <= self.latest_ms;
        is_within || timestamp_ms == NO_TIMESTAMP
    }
}
