//! The cluster's topics as a group sees them, and the hash by which it notices that they changed.

use std::collections::BTreeSet;
use std::sync::Arc;

use twox_hash::XxHash3_64;
use uuid::Uuid;

/// A topic that there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicInfo {
    pub id: Uuid,
    pub name: Arc<str>,
    pub partitions: i32,
}

/// One state of the cluster's metadata.
pub trait Topics {
    fn named(&self, name: &str) -> Option<TopicInfo>;
    fn with_id(&self, id: Uuid) -> Option<TopicInfo>;
    /// The racks of a partition's replicas that have one.
    fn racks(&self, id: Uuid, partition: i32) -> Vec<String>;
    /// Every topic's name, internal ones too. The list is only as long as it is asked for.
    fn names(&self) -> Box<dyn Iterator<Item = Arc<str>> + '_>;
    /// Grows with every state.
    fn version(&self) -> i64;
}

/// No topics at all, until some are told of.
pub struct NoTopics;

impl Topics for NoTopics {
    fn named(&self, _name: &str) -> Option<TopicInfo> {
        None
    }

    fn with_id(&self, _id: Uuid) -> Option<TopicInfo> {
        None
    }

    fn racks(&self, _id: Uuid, _partition: i32) -> Vec<String> {
        Vec::new()
    }

    fn names(&self) -> Box<dyn Iterator<Item = Arc<str>> + '_> {
        Box::new(std::iter::empty())
    }

    fn version(&self) -> i64 {
        0
    }
}

/// What stands before a topic, so that a later way of hashing can be told from this one.
const TOPIC_HASH_VERSION: u8 = 0;

/// The hash of all subscribed topics that exist, as Kafka computes it (KIP-1101): 0 without any.
/// Kafka brokers keep it in the same records, so that a group does not rebalance for being read by
/// another broker.
pub fn metadata_hash(names: &BTreeSet<&str>, topics: &dyn Topics) -> i64 {
    let mut bytes = Vec::new();
    let existing = names.iter().filter_map(|name| topics.named(name));
    hash_of(existing.map(|topic| {
        bytes.clear();
        put_topic(&mut bytes, &topic, topics);
        XxHash3_64::oneshot(&bytes)
    }))
}

/// The hash of topics' hashes, in the order of their names.
fn hash_of(topics: impl IntoIterator<Item = u64>) -> i64 {
    let bytes: Vec<u8> = topics.into_iter().flat_map(u64::to_le_bytes).collect();
    if bytes.is_empty() {
        return 0;
    }
    XxHash3_64::oneshot(&bytes).cast_signed()
}

fn put_topic(bytes: &mut Vec<u8>, topic: &TopicInfo, topics: &dyn Topics) {
    bytes.push(TOPIC_HASH_VERSION);
    let (most, least) = topic.id.as_u64_pair();
    bytes.extend(most.to_le_bytes());
    bytes.extend(least.to_le_bytes());
    put_text(bytes, &topic.name);
    bytes.extend(topic.partitions.to_le_bytes());
    for partition in 0..topic.partitions {
        bytes.extend(partition.to_le_bytes());
        let mut racks = topics.racks(topic.id, partition);
        racks.sort();
        for rack in racks {
            bytes.extend((rack.encode_utf16().count() as u32).to_le_bytes());
            put_text(bytes, &rack);
        }
    }
}

/// Text as Kafka's hash takes it: its UTF-16 units, then how many they are.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let mut units = 0u32;
    for unit in text.encode_utf16() {
        bytes.extend(unit.to_le_bytes());
        units += 1;
    }
    bytes.extend(units.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::consumer::tests::world::Cluster;

    #[test]
    fn hashes_are_those_of_kafka() {
        // What Utils.computeTopicHash and computeGroupHash of Kafka 4.4.0 say.
        let mut cluster = Cluster::default();
        let id = Uuid::from_u64_pair(1, 2);
        cluster.create_with_id("topic", id, 2);
        let topic = cluster.named("topic").unwrap();
        let mut bytes = Vec::new();
        put_topic(&mut bytes, &topic, &cluster);
        assert_eq!(
            XxHash3_64::oneshot(&bytes).cast_signed(),
            3_814_827_245_516_331_936
        );
        cluster.rack = Some("rack1".to_owned());
        bytes.clear();
        put_topic(&mut bytes, &topic, &cluster);
        assert_eq!(
            XxHash3_64::oneshot(&bytes).cast_signed(),
            -3_712_017_394_094_734_857
        );
        assert_eq!(metadata_hash(&["none"].into(), &cluster), 0);
        assert_eq!(hash_of([1, 2]), 571_542_372_673_154_031);
    }
}
