//! Broker keys of Kafka's that are kept, shown and inherited by topics, and that Naru does not act
//! on; and which keys, of these and of those that it acts on, may be set while the broker runs.
//!
//! What is kept without effect is what tools and habits set as a matter of course: numbers of
//! threads, the throttles that moves of partitions bring along, what topics inherit. A key that
//! promises something to others (a quota, an address, a password) is not here: setting it is
//! refused.

use Default::{Is, Null};
use Valid::{Any, AtLeast, Between};

use super::row::{Default, Key, Valid};
use super::value::Kind::{self, Boolean, Double, Int, Long};

const fn known(name: &'static str, kind: Kind, default: Default, valid: Valid) -> Key {
    Key {
        name,
        kind,
        default,
        valid,
        doc: "Known to Kafka; kept and shown, but not acted on.",
    }
}

/// Sorted by name. A row here yields to one of the same name in `tables`.
pub(super) static KNOWN: [Key; 26] = [
    known("background.threads", Int, Is("10"), AtLeast(1)),
    known("compression.gzip.level", Int, Is("-1"), Between(-1, 9)),
    known("compression.lz4.level", Int, Is("9"), Between(1, 17)),
    known("compression.zstd.level", Int, Is("3"), Between(-131072, 22)),
    known(
        "follower.replication.throttled.rate",
        Long,
        Is(LONG_MAX),
        AtLeast(0),
    ),
    known(
        "group.consumer.assignment.interval.ms",
        Int,
        Is("1000"),
        AtLeast(0),
    ),
    known(
        "leader.replication.throttled.rate",
        Long,
        Is(LONG_MAX),
        AtLeast(0),
    ),
    known("log.cleaner.io.buffer.load.factor", Double, Is("0.9"), Any),
    known("log.cleaner.io.buffer.size", Int, Is("524288"), AtLeast(0)),
    known(
        "log.flush.interval.messages",
        Long,
        Is(LONG_MAX),
        AtLeast(1),
    ),
    known("log.flush.interval.ms", Long, Null, Any),
    known("log.index.interval.bytes", Int, Is("4096"), AtLeast(0)),
    known("log.index.size.max.bytes", Int, Is("10485760"), AtLeast(4)),
    known("log.local.retention.bytes", Long, Is("-2"), AtLeast(-2)),
    known("log.local.retention.ms", Long, Is("-2"), AtLeast(-2)),
    known("log.preallocate", Boolean, Is("false"), Any),
    known("log.remote.copy.lag.bytes", Long, Is("-1"), AtLeast(-1)),
    known("log.remote.copy.lag.ms", Long, Is("0"), AtLeast(-1)),
    known("log.roll.jitter.ms", Long, Null, AtLeast(0)),
    known("num.io.threads", Int, Is("8"), AtLeast(1)),
    known("num.network.threads", Int, Is("3"), AtLeast(1)),
    known(
        "num.recovery.threads.per.data.dir",
        Int,
        Is("2"),
        AtLeast(1),
    ),
    known("num.replica.fetchers", Int, Is("1"), AtLeast(1)),
    known(
        "replica.alter.log.dirs.io.max.bytes.per.second",
        Long,
        Is(LONG_MAX),
        AtLeast(0),
    ),
    known(
        "transaction.partition.verification.enable",
        Boolean,
        Is("true"),
        Any,
    ),
    known("unclean.leader.election.enable", Boolean, Is("false"), Any),
];

const LONG_MAX: &str = "9223372036854775807";

/// Keys that Naru acts on and that may be set while it runs; they count at once.
const DYNAMIC: [&str; 32] = [
    "compression.type",
    "group.consumer.assignment.interval.ms",
    "log.cleaner.backoff.ms",
    "log.cleaner.dedupe.buffer.size",
    "log.cleaner.delete.retention.ms",
    "log.cleaner.io.buffer.load.factor",
    "log.cleaner.io.buffer.size",
    "log.cleaner.io.max.bytes.per.second",
    "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio",
    "log.cleaner.min.compaction.lag.ms",
    "log.cleaner.threads",
    "log.cleanup.policy",
    "log.flush.interval.messages",
    "log.flush.interval.ms",
    "log.index.interval.bytes",
    "log.index.size.max.bytes",
    "log.message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms",
    "log.message.timestamp.type",
    "log.preallocate",
    "log.retention.bytes",
    "log.retention.ms",
    "log.roll.ms",
    "log.segment.bytes",
    "log.segment.delete.delay.ms",
    "max.connections",
    "max.decompressed.message.bytes",
    "message.max.bytes",
    "min.insync.replicas",
    "producer.id.expiration.ms",
    "transaction.partition.verification.enable",
];

/// Keys that count threads: in one step, they at most double and at least halve.
const THREADS: [&str; 6] = [
    "background.threads",
    "log.cleaner.threads",
    "num.io.threads",
    "num.network.threads",
    "num.recovery.threads.per.data.dir",
    "num.replica.fetchers",
];

/// Whether clients may set the key while the broker runs.
pub(in crate::config) fn is_dynamic(name: &str) -> bool {
    DYNAMIC.contains(&name) || KNOWN.iter().any(|key| key.name == name)
}

pub(in crate::config) fn counts_threads(name: &str) -> bool {
    THREADS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;

    #[test]
    fn what_may_change_is_sorted_and_known() {
        assert!(DYNAMIC.is_sorted());
        assert!(KNOWN.is_sorted_by_key(|key| key.name));
        for name in DYNAMIC.iter().chain(&THREADS) {
            assert!(keys::find(name).is_some(), "{name}");
        }
    }

    #[test]
    fn what_may_change_is_in_the_document() {
        let document = include_str!("../../../../docs/CONFIGS.md");
        for name in DYNAMIC
            .iter()
            .copied()
            .chain(KNOWN.iter().map(|key| key.name))
        {
            assert!(document.contains(&format!("`{name}`")), "{name}");
        }
    }

    #[test]
    fn thread_counts_and_throttles_are_kept_and_promises_are_not() {
        for name in [
            "num.io.threads",
            "leader.replication.throttled.rate",
            "message.max.bytes",
            "log.retention.ms",
        ] {
            assert!(is_dynamic(name), "{name}");
        }
        for name in [
            "node.id",
            "log.dirs",
            "log.retention.hours",
            "listeners",
            "max.connections.per.ip",
            "ssl.keystore.password",
            "naru.memory",
        ] {
            assert!(!is_dynamic(name), "{name}");
        }
    }
}
