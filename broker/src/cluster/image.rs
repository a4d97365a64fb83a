//! What the shards read: the cluster as it was after one command, never changing.
//!
//! Cloning an image is a few reference counts. The next image shares every topic with the one
//! before, and the maps too where no topic came, went or changed; where one did, a map of
//! pointers is copied once per batch of commands (about a millisecond at 10,000 topics).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::changes::Changes;
use super::command::{BrokerRegistration, Partition};
use super::features::FinalizedFeatures;
use super::resource::{ConfigResource, ResourceConfigs};
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

    /// Whether it is one of Kafka's own.
    pub fn is_internal(&self) -> bool {
        is_internal_topic(&self.name)
    }
}

/// Whether a topic of this name is, or would be, one of Kafka's own (`__consumer_offsets`,
/// `__transaction_state`).
pub fn is_internal_topic(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state")
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
    pub(super) features: Arc<FinalizedFeatures>,
    /// What clients have set for a broker, or, under `None`, for all. No map is empty.
    pub(super) broker_configs: Arc<BTreeMap<Option<i32>, BTreeMap<String, String>>>,
    /// What clients have set of groups and of clients' metrics.
    pub(super) resource_configs: Arc<ResourceConfigs>,
    /// Which topics changed lately.
    pub(super) changes: Arc<Changes>,
}

/// What one image has otherwise than an earlier one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// New topics.
    pub created: Vec<Arc<Topic>>,
    /// Topics that were there and have changed, as they are now.
    pub altered: Vec<Arc<Topic>>,
    /// Topics that are gone, as they were.
    pub deleted: Vec<Arc<Topic>>,
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

    /// What has changed since the image `before`, an earlier one of the same cluster. It costs as
    /// much as there are changes; only a reader that has missed [`CHANGES_MAX`] of them compares
    /// all topics.
    ///
    /// [`CHANGES_MAX`]: super::changes::CHANGES_MAX
    pub fn since(&self, before: &Self) -> Delta {
        assert!(before.index <= self.index, "images are read in their order");
        let mut delta = Delta::default();
        match self.changes.after(before.index) {
            Some(changed) => {
                for id in changed {
                    delta.take(before.by_id.get(&id), self.by_id.get(&id));
                }
            }
            None => {
                for old in before.by_id.values() {
                    delta.take(Some(old), self.by_id.get(&old.id));
                }
                for new in self.by_id.values() {
                    if !before.by_id.contains_key(&new.id) {
                        delta.take(None, Some(new));
                    }
                }
            }
        }
        delta
    }

    /// Whether there was a topic of this id and it was deleted; only the latest deletions are
    /// known.
    pub fn is_deleted(&self, topic_id: Uuid) -> bool {
        !self.by_id.contains_key(&topic_id) && self.changes.names(topic_id)
    }

    /// The levels of the features that the cluster works at.
    pub fn features(&self) -> &FinalizedFeatures {
        &self.features
    }

    /// What clients have set for that broker while it runs, and nothing else of its configs;
    /// `None` for the default of all brokers.
    pub fn broker_configs(&self, node_id: Option<i32>) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.broker_configs.get(&node_id).unwrap_or(&NONE)
    }

    /// Whether brokers were told otherwise in the earlier image `before`.
    pub fn has_other_broker_configs(&self, before: &Self) -> bool {
        !Arc::ptr_eq(&self.broker_configs, &before.broker_configs)
    }

    /// What clients have set of a group, or of a subscription of clients' metrics.
    pub fn resource_configs(&self, resource: &ConfigResource) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let configs = self.resource_configs.get(resource);
        configs.map_or(&NONE, |configs| configs)
    }

    /// Every group and every subscription of clients' metrics that clients have set something of.
    pub fn config_resources(
        &self,
    ) -> impl ExactSizeIterator<Item = (&ConfigResource, &BTreeMap<String, String>)> {
        let configs = self.resource_configs.iter();
        configs.map(|(resource, configs)| (resource, &**configs))
    }

    /// Whether any of those were told otherwise in the earlier image `before`.
    pub fn has_other_resource_configs(&self, before: &Self) -> bool {
        !Arc::ptr_eq(&self.resource_configs, &before.resource_configs)
    }

    /// Replicas are registered brokers, each once; the ISR is among them, the leader in it.
    pub fn check_placement(&self, partitions: &[Partition]) -> Result<(), Refusal> {
        let wrong = |reason: String| Err(Refusal::InvalidReplicaAssignment(reason));
        for partition in partitions {
            if partition.replicas.is_empty() {
                return wrong(
                    "The manual partition assignment includes an empty replica list.".into(),
                );
            }
            let mut replicas = BTreeSet::new();
            for id in &partition.replicas {
                if !self.brokers.contains_key(id) {
                    return wrong(format!(
                        "The manual partition assignment includes broker {id}, but no such broker \
                         is registered."
                    ));
                }
                if !replicas.insert(id) {
                    return wrong(format!(
                        "The manual partition assignment includes the broker {id} more than once."
                    ));
                }
            }
            let isr_is_of_replicas = partition.isr.iter().all(|id| replicas.contains(id));
            if !isr_is_of_replicas || !partition.isr.contains(&partition.leader) {
                return wrong(format!(
                    "leader {} and ISR {:?} do not fit replicas {:?}",
                    partition.leader, partition.isr, partition.replicas
                ));
            }
        }
        Ok(())
    }

    pub fn broker(&self, node_id: i32) -> Option<&Arc<Broker>> {
        self.brokers.get(&node_id)
    }

    /// All brokers, by node id.
    pub fn brokers(&self) -> impl ExactSizeIterator<Item = &Arc<Broker>> {
        self.brokers.values()
    }

    /// Puts brokers and topics into an image that has none.
    pub(super) fn fill(
        &mut self,
        brokers: impl IntoIterator<Item = Broker>,
        topics: impl IntoIterator<Item = Topic>,
    ) {
        let brokers = brokers.into_iter();
        let by_node = brokers.map(|broker| (broker.registration.node_id, Arc::new(broker)));
        let topics: Vec<Arc<Topic>> = topics.into_iter().map(Arc::new).collect();
        let by_name = topics.iter().map(|t| (Arc::clone(&t.name), Arc::clone(t)));
        let by_id = topics.iter().map(|topic| (topic.id, Arc::clone(topic)));
        self.brokers = Arc::new(by_node.collect());
        self.by_name = Arc::new(by_name.collect());
        self.by_id = Arc::new(by_id.collect());
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

impl Delta {
    fn take(&mut self, before: Option<&Arc<Topic>>, now: Option<&Arc<Topic>>) {
        match (before, now) {
            (None, Some(now)) => self.created.push(Arc::clone(now)),
            (Some(before), Some(now)) if !Arc::ptr_eq(before, now) => {
                self.altered.push(Arc::clone(now));
            }
            (Some(before), None) => self.deleted.push(Arc::clone(before)),
            // As it was, or made and deleted in between.
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}
