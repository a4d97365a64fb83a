//! Broker keys of Kafka's that say what is so in any case: shown with that value, since tools look
//! at them, and set by nobody. A file that says otherwise is told so.

use Default::Is;

use super::row::{Default, Key, Valid};
use super::value::Kind::{self, Boolean, Int, List, Short};

const fn fixed(name: &'static str, kind: Kind, value: &'static str, doc: &'static str) -> Key {
    Key {
        name,
        kind,
        default: Is(value),
        valid: Valid::Any,
        doc,
    }
}

/// Sorted by name.
pub(super) static FIXED: [Key; 11] = [
    fixed(
        "authorizer.class.name",
        Kind::String,
        "",
        "Nobody is asked for permission.",
    ),
    fixed(
        "delete.topic.enable",
        Boolean,
        "true",
        "Topics can be deleted.",
    ),
    fixed(
        "group.coordinator.rebalance.protocols",
        List,
        "classic,consumer",
        "The protocols of groups that are served.",
    ),
    fixed(
        "offsets.topic.compression.codec",
        Int,
        "0",
        "What groups write is not compressed.",
    ),
    fixed(
        "offsets.topic.replication.factor",
        Short,
        "1",
        "Replicas of __consumer_offsets: one node has one.",
    ),
    fixed(
        "offsets.topic.segment.bytes",
        Int,
        "104857600",
        "Bytes at which a segment of __consumer_offsets is closed.",
    ),
    fixed(
        "remote.log.storage.system.enable",
        Boolean,
        "false",
        "There is no tiered storage.",
    ),
    fixed(
        "security.inter.broker.protocol",
        Kind::String,
        "PLAINTEXT",
        "Only PLAINTEXT is served.",
    ),
    fixed(
        "transaction.state.log.min.isr",
        Int,
        "1",
        "Replicas of __transaction_state that must have a write: one node has one.",
    ),
    fixed(
        "transaction.state.log.replication.factor",
        Short,
        "1",
        "Replicas of __transaction_state: one node has one.",
    ),
    fixed(
        "transaction.two.phase.commit.enable",
        Boolean,
        "false",
        "Transactions are ended by their producers alone (KIP-939 is not served).",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{self, is_dynamic, is_kafka_broker_key};

    #[test]
    fn they_are_kafka_s_and_nowhere_else() {
        assert!(FIXED.is_sorted_by_key(|key| key.name));
        for key in &FIXED {
            assert!(is_kafka_broker_key(key.name), "{}", key.name);
            assert!(!is_dynamic(key.name), "{}", key.name);
            assert!(keys::all().all(|acted_on| acted_on.name != key.name));
            let Is(value) = key.default else {
                panic!("{} has no value", key.name);
            };
            assert_eq!(key.normalise(value).as_deref(), Ok(value), "{}", key.name);
        }
    }
}
