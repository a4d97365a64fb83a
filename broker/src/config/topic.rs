//! The keys of a topic, and the value of each when the topic itself says nothing.
//!
//! A topic key takes, in this order, the topic's own value, the first broker key in its list that
//! is set (Kafka's precedence: `log.retention.ms`, then `.minutes`, then `.hours`), and Kafka's
//! default. All of Kafka 4.4's topic keys are known: those that Naru does not act on are checked,
//! stored and described all the same, so that tools which set them keep working.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::keys::{self, CleanupPolicy, Default, Key, Kind, Limit, TimestampType, Valid, Value};
use super::load::BrokerConfig;
use Default::Is;
use Valid::{Any, AtLeast, Between, Fraction, OneOf, SomeOf};

/// What a topic itself sets, as text in the form that [`check`] returned.
pub type TopicOverrides = BTreeMap<String, String>;

/// A row of the table: the key, and the broker keys that it falls back to.
#[derive(Debug)]
pub struct TopicKey {
    pub key: Key,
    /// Broker keys, the first that is set counts; the number is how many of the topic key's units
    /// one of the broker key's is.
    pub synonyms: &'static [(&'static str, i64)],
    /// Whether Naru acts on the key.
    pub acted_on: bool,
}

macro_rules! topic_keys {
    (
        acted on {
            $(
                $(#[doc = $doc:literal])+
                $field:ident: $Type:ty = $name:literal, $default:expr, $valid:expr, $synonyms:expr;
            )+
        }
        known {
            $($known:literal: $kind:ident = $known_default:expr, $known_valid:expr, $known_synonyms:expr;)+
        }
    ) => {
        /// A topic's effective values of the keys that Naru acts on.
        #[derive(Debug, Clone, PartialEq)]
        pub struct TopicConfig {
            $(
                $(#[doc = $doc])+
                pub $field: $Type,
            )+
        }

        impl TopicConfig {
            /// The values for a topic that sets `overrides`, on a broker configured so. An error
            /// means that `overrides` never passed [`check`].
            pub fn effective(
                overrides: &TopicOverrides,
                broker: &BrokerConfig,
            ) -> Result<Self, ConfigError> {
                Ok(Self { $($field: typed($name, overrides, broker)?,)+ })
            }
        }

        /// Every topic key of Kafka's.
        pub static TOPIC_KEYS: &[TopicKey] = &[
            $(TopicKey {
                key: Key {
                    name: $name,
                    kind: <$Type as Value>::KIND,
                    default: Is($default),
                    valid: $valid,
                    doc: concat!($($doc),+).trim_ascii(),
                },
                synonyms: &$synonyms,
                acted_on: true,
            },)+
            $(TopicKey {
                key: Key {
                    name: $known,
                    kind: Kind::$kind,
                    default: Is($known_default),
                    valid: $known_valid,
                    doc: "Known to Kafka; stored, but not acted on.",
                },
                synonyms: &$known_synonyms,
                acted_on: false,
            },)+
        ];
    };
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

topic_keys! {
    acted on {
        /// What becomes of old records: delete, compact, or both.
        cleanup_policy: CleanupPolicy = "cleanup.policy", "delete", SomeOf(&["compact", "delete"]),
            [("log.cleanup.policy", 1)];
        /// Age in milliseconds at which records may be deleted; -1 keeps them.
        retention_ms: Limit = "retention.ms", "604800000", AtLeast(-1),
            [("log.retention.ms", 1), ("log.retention.minutes", MINUTE_MS), ("log.retention.hours", HOUR_MS)];
        /// Bytes that a partition keeps; -1 is no bound.
        retention_bytes: Limit = "retention.bytes", "-1", Any, [("log.retention.bytes", 1)];
        /// How long a tombstone, or a transaction's marker, stays once a cleaning has seen it, in
        /// milliseconds.
        delete_retention_ms: u64 = "delete.retention.ms", "86400000", AtLeast(0),
            [("log.cleaner.delete.retention.ms", 1)];
        /// Of a compacted partition's bytes, what must be dirty before it is cleaned.
        cleanable_dirty_ratio_min: f64 = "min.cleanable.dirty.ratio", "0.5", Fraction,
            [("log.cleaner.min.cleanable.ratio", 1)];
        /// How long a record is left alone by compaction, in milliseconds.
        compaction_lag_ms_min: u64 = "min.compaction.lag.ms", "0", AtLeast(0),
            [("log.cleaner.min.compaction.lag.ms", 1)];
        /// After how long a record is compacted whatever the ratio, in milliseconds.
        compaction_lag_ms_max: u64 = "max.compaction.lag.ms", "9223372036854775807", AtLeast(1),
            [("log.cleaner.max.compaction.lag.ms", 1)];
        /// Bytes at which a segment is closed and the next one started.
        segment_bytes: u32 = "segment.bytes", "1073741824", AtLeast(1 << 20), [("log.segment.bytes", 1)];
        /// Age in milliseconds at which a segment is closed.
        segment_ms: u64 = "segment.ms", "604800000", AtLeast(1),
            [("log.roll.ms", 1), ("log.roll.hours", HOUR_MS)];
        /// The largest record batch, as it is stored, in bytes.
        message_bytes_max: u32 = "max.message.bytes", "1048588", AtLeast(0), [("message.max.bytes", 1)];
        /// The most bytes that a batch may decompress to.
        decompressed_message_bytes_max: u32 = "max.decompressed.message.bytes", "2147483639",
            Between(1, 2147483639), [("max.decompressed.message.bytes", 1)];
        /// Whose clock a record's timestamp is from.
        timestamp_type: TimestampType = "message.timestamp.type", "CreateTime",
            OneOf(&["CreateTime", "LogAppendTime"]), [("log.message.timestamp.type", 1)];
        /// How far ahead of the broker's clock a timestamp may be, in milliseconds.
        timestamp_after_ms_max: u64 = "message.timestamp.after.max.ms", "3600000", AtLeast(0),
            [("log.message.timestamp.after.max.ms", 1)];
        /// How far behind the broker's clock a timestamp may be, in milliseconds.
        timestamp_before_ms_max: u64 = "message.timestamp.before.max.ms", "9223372036854775807", AtLeast(0),
            [("log.message.timestamp.before.max.ms", 1)];
        /// Replicas that must have a write before acks=all is answered.
        min_insync_replicas: u32 = "min.insync.replicas", "1", AtLeast(1), [("min.insync.replicas", 1)];
        /// How long a deleted segment's file stays, in milliseconds.
        file_delete_delay_ms: u64 = "file.delete.delay.ms", "60000", AtLeast(0),
            [("log.segment.delete.delay.ms", 1)];
        /// Batches are stored as the producer sent them; other values are stored, not acted on.
        compression_type: String = "compression.type", "producer",
            OneOf(&["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), [("compression.type", 1)];
    }
    known {
        "compression.gzip.level": Int = "-1", Between(-1, 9), [("compression.gzip.level", 1)];
        "compression.lz4.level": Int = "9", Between(1, 17), [("compression.lz4.level", 1)];
        "compression.zstd.level": Int = "3", Between(-131072, 22), [("compression.zstd.level", 1)];
        "errors.deadletterqueue.group.enable": Boolean = "false", Any, [];
        "flush.messages": Long = "9223372036854775807", AtLeast(1), [("log.flush.interval.messages", 1)];
        "flush.ms": Long = "9223372036854775807", AtLeast(0), [("log.flush.interval.ms", 1)];
        "follower.replication.throttled.replicas": List = "", Any, [];
        "index.interval.bytes": Int = "4096", AtLeast(0), [("log.index.interval.bytes", 1)];
        "leader.replication.throttled.replicas": List = "", Any, [];
        "local.retention.bytes": Long = "-2", AtLeast(-2), [("log.local.retention.bytes", 1)];
        "local.retention.ms": Long = "-2", AtLeast(-2), [("log.local.retention.ms", 1)];
        "preallocate": Boolean = "false", Any, [("log.preallocate", 1)];
        "remote.copy.lag.bytes": Long = "-1", AtLeast(-1), [("log.remote.copy.lag.bytes", 1)];
        "remote.copy.lag.ms": Long = "0", AtLeast(-1), [("log.remote.copy.lag.ms", 1)];
        "remote.log.copy.disable": Boolean = "false", Any, [];
        "remote.log.delete.on.disable": Boolean = "false", Any, [];
        "remote.storage.enable": Boolean = "false", Any, [];
        "segment.index.bytes": Int = "10485760", AtLeast(4), [("log.index.size.max.bytes", 1)];
        "segment.jitter.ms": Long = "0", AtLeast(0), [("log.roll.jitter.ms", 1)];
        "unclean.leader.election.enable": Boolean = "false", Any, [("unclean.leader.election.enable", 1)];
    }
}

/// The row of a topic key.
pub fn find(name: &str) -> Option<&'static TopicKey> {
    TOPIC_KEYS.iter().find(|row| row.key.name == name)
}

/// Checks what CreateTopics or AlterConfigs would set on a topic, and returns it in its stored
/// form. The error's text is what the client is told with INVALID_CONFIG.
pub fn check<'a>(
    wanted: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<TopicOverrides, ConfigError> {
    let mut overrides = TopicOverrides::new();
    for (name, value) in wanted {
        let row = find(name).ok_or_else(|| ConfigError::UnknownTopicKey {
            key: name.to_owned(),
            nearest: keys::nearest_of(name, TOPIC_KEYS.iter().map(|row| row.key.name)),
        })?;
        let value = row
            .key
            .normalise(value.trim())
            .map_err(|reason| invalid(&row.key, value, reason))?;
        overrides.insert(name.to_owned(), value);
    }
    Ok(overrides)
}

/// The broker keys that topics inherit, taken through the checks of the topic keys: a value that
/// no topic could have must not be inherited either.
pub(super) fn check_broker_defaults(broker: &BrokerConfig) -> Result<(), ConfigError> {
    let none = TopicOverrides::new();
    let effective = TopicConfig::effective(&none, broker)?;
    if effective.retention_ms == Limit::of(0) {
        return Err(ConfigError::Contradiction(
            "log.retention.ms (or .minutes, .hours) is 0: use -1 to keep records, or at least 1"
                .into(),
        ));
    }
    Ok(())
}

/// The value that a topic has of a key: its own, the first broker key's that is set, the default.
pub(super) fn value(row: &TopicKey, overrides: &TopicOverrides, broker: &BrokerConfig) -> String {
    if let Some(own) = overrides.get(row.key.name) {
        return own.clone();
    }
    let mut inherited = row.synonyms.iter().filter_map(|(synonym, units)| {
        let value = broker.setting(synonym)?.value.as_deref()?;
        Some(scale(value, *units))
    });
    inherited.next().unwrap_or_else(|| match row.key.default {
        Is(default) => default.to_owned(),
        _ => unreachable!("every topic key has a default"),
    })
}

/// Turns a broker key's hours into a topic key's milliseconds; negative is "none" in any unit.
fn scale(text: &str, units: i64) -> String {
    match text.parse::<i64>() {
        Ok(number) if units != 1 && number < 0 => "-1".to_owned(),
        Ok(number) if units != 1 => number.saturating_mul(units).to_string(),
        _ => text.to_owned(),
    }
}

fn typed<V: Value>(
    name: &'static str,
    overrides: &TopicOverrides,
    broker: &BrokerConfig,
) -> Result<V, ConfigError> {
    let Some(row) = find(name) else {
        return Err(ConfigError::UnknownTopicKey {
            key: name.to_owned(),
            nearest: None,
        });
    };
    let value = value(row, overrides, broker);
    V::read(Some(&value)).map_err(|reason| invalid(&row.key, &value, reason))
}

fn invalid(key: &Key, value: &str, reason: String) -> ConfigError {
    ConfigError::InvalidTopicValue {
        key: key.name,
        value: value.to_owned(),
        reason,
    }
}
