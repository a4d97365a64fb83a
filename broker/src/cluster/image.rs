//! What the shards read: the cluster as it was after one command, never changing.
//!
//! Cloning an image is a few reference counts. The next image shares every topic with the one
//! before, and the maps too where no topic came, went or changed; where one did, a map of
//! pointers is copied once per batch of commands (about a millisecond at 10,000 topics).

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::command::{BrokerRegistration, Partition};
use super::state::Refusal;

/// A topic as a request names it.
#[derive(Debug, Clone, Copy)]
pub enum TopicRef<'a> {
    Name(&'a str),
    Id(Uuid),
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: Arc<str>,
    pub id: Uuid,
    /// In the order of their numbers, from 0.
    pub partitions: Vec<Partition>,
    /// What the topic itself sets; `config::TopicConfig::effective` adds the rest.
    pub configs: BTreeMap<String, String>,
    /// The index of the command that made or last changed the topic: a reader that kept something
    /// derived from the topic compares this.
    pub changed_at: u64,
}

impl Topic {
    /// The partition of that number; `None` for numbers that there are not, negative ones too.
    pub fn partition(&self, number: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(number).ok()?)
    }

    /// Whether it is one of Kafka's own (`__consumer_offsets`, `__transaction_state`).
    pub fn is_internal(&self) -> bool {
        matches!(&*self.name, "__consumer_offsets" | "__transaction_state")
    }
}

/// A broker that has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    pub registration: BrokerRegistration,
    /// The index of its registration: grows with each start (KIP-500's broker epoch).
    pub epoch: u64,
}

/// The cluster after the command of one index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClusterImage {
    /// The index of the last command that is in it; 0 before the first.
    pub index: u64,
    pub(super) cluster_id: Option<Arc<str>>,
    pub(super) brokers: Arc<BTreeMap<i32, Arc<Broker>>>,
    pub(super) by_name: Arc<BTreeMap<Arc<str>, Arc<Topic>>>,
    pub(super) by_id: Arc<BTreeMap<Uuid, Arc<Topic>>>,
    pub(super) next_producer_id: i64,
}

impl ClusterImage {
    /// The cluster's id; the control thread sets it before it publishes anything.
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    pub fn topic(&self, topic: TopicRef<'_>) -> Option<Arc<Topic>> {
        match topic {
            TopicRef::Name(name) => self.by_name.get(name),
            TopicRef::Id(id) => self.by_id.get(&id),
        }
        .cloned()
    }

    /// All topics, by name.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &Arc<Topic>> {
        self.by_name.values()
    }

    /// The topics that `before` did not have, or had otherwise; by name.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a Arc<Topic>> {
        self.topics().filter(|topic| {
            let known = before.by_id.get(&topic.id);
            !known.is_some_and(|known| Arc::ptr_eq(known, topic))
        })
    }

    pub fn broker(&self, node_id: i32) -> Option<&Arc<Broker>> {
        self.brokers.get(&node_id)
    }

    /// All brokers, by node id.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Arc<Broker>> {
        self.brokers.values()
    }

    /// Spreads new partitions over the brokers, round robin, for CreateTopics and CreatePartitions
    /// that do not say where; `partitions_before` is how many the topic has already.
    pub fn assign(
        &self,
        partitions: u32,
        replication_factor: u16,
        partitions_before: u32,
    ) -> Result<Vec<Partition>, Refusal> {
        let brokers: Vec<i32> = self.brokers.keys().copied().collect();
        let copies = usize::from(replication_factor);
        if copies == 0 || copies > brokers.len() {
            return Err(Refusal::InvalidReplicationFactor(format!(
                "a replication factor of {replication_factor} needs as many brokers (at least \
                 one), and there are {}",
                brokers.len()
            )));
        }
        super::state::check_partition_count(partitions_before, partitions)?;
        // Topics begin at different brokers, so that small topics do not all land on the first.
        let first = self.by_name.len().wrapping_add(partitions_before as usize);
        Ok((0..partitions as usize)
            .map(|partition| {
                let from = first.wrapping_add(partition) % brokers.len();
                let replicas = brokers.iter().cycle().skip(from).take(copies);
                Partition::new(replicas.copied().collect())
            })
            .collect())
    }
}
