//! The table of a snapshot's parts: which stored type each is written as, and which are read.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::changes::Changes;
use super::super::command_log::EntryId;
use super::super::features::FinalizedFeatures;
use super::super::image::{Broker, ClusterImage, Topic};
use super::super::resource::ResourceConfigs;
use super::brokers_v1::BrokerConfigsV1;
use super::features_v1::FeaturesV1;
use super::record::{Kinds, Record};
use super::resources_v1::{ConfigResourceV1, ResourceConfigsV1};
use super::state_v1::{BrokerV1, ChangesV1, ClusterV1, PositionV1, TopicV1};
use super::{Malformed, Reader, Stored, Unreadable, Writer};

const WHAT: &str = "snapshot part";

/// Number, name and newest version of each kind. Numbers are never used again.
const KINDS: &Kinds = &[
    (PositionV1::KIND, "position", 1),
    (ClusterV1::KIND, "cluster", 1),
    (BrokerV1::KIND, "broker", 1),
    (TopicV1::KIND, "topic", 1),
    (ChangesV1::KIND, "changes", 1),
    (FeaturesV1::KIND, "features", 1),
    (BrokerConfigsV1::KIND, "broker configs", 1),
    (ResourceConfigsV1::KIND, "resource configs", 1),
];

/// The state after an entry of the log.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredState {
    pub last: EntryId,
    pub image: ClusterImage,
}

/// Writes every part in its newest version, one after the other.
pub fn encode_state(last: EntryId, image: &ClusterImage) -> Vec<u8> {
    let mut writer = Writer::default();
    let to = &mut writer;
    PositionV1 {
        term: last.term,
        entry_index: last.index,
        command_index: image.index,
    }
    .write_record(to);
    ClusterV1 {
        cluster_id: image.cluster_id().map(str::to_owned),
        next_producer_id: image.next_producer_id,
    }
    .write_record(to);
    for broker in image.brokers() {
        BrokerV1 {
            registration: (&broker.registration).into(),
            epoch: broker.epoch,
        }
        .write_record(to);
    }
    for topic in image.topics() {
        TopicV1 {
            name: topic.name.to_string(),
            id: topic.id,
            partitions: topic.partitions.iter().map(Into::into).collect(),
            configs: (&topic.configs).into(),
            changed_at: topic.changed_at,
        }
        .write_record(to);
    }
    let (complete_since, recent) = image.changes.parts();
    ChangesV1 {
        complete_since,
        recent,
    }
    .write_record(to);
    // Snapshots of before there were features have none, and nothing says so.
    if image.features.is_set() {
        FeaturesV1::from(&*image.features).write_record(to);
    }
    for (node_id, configs) in &*image.broker_configs {
        BrokerConfigsV1 {
            node_id: *node_id,
            configs: configs.into(),
        }
        .write_record(to);
    }
    for (resource, configs) in &*image.resource_configs {
        ResourceConfigsV1 {
            resource: ConfigResourceV1(resource.clone()),
            configs: (&**configs).into(),
        }
        .write_record(to);
    }
    writer.into_bytes()
}

/// What was found so far.
#[derive(Default)]
struct Parts {
    position: Option<PositionV1>,
    cluster: Option<ClusterV1>,
    brokers: Vec<Broker>,
    topics: Vec<Topic>,
    changes: Option<ChangesV1>,
    features: FinalizedFeatures,
    broker_configs: BTreeMap<Option<i32>, BTreeMap<String, String>>,
    resource_configs: ResourceConfigs,
}

/// Reads the parts to the end of the bytes.
pub fn decode_state(bytes: &[u8]) -> Result<StoredState, Unreadable> {
    let mut from = Reader::new(bytes);
    let mut parts = Parts::default();
    while !from.is_empty() {
        let record = Record::read(&mut from).map_err(Unreadable::malformed(WHAT))?;
        let taken = parts.take(&record).map_err(Unreadable::malformed(WHAT))?;
        if !taken {
            return Err(Unreadable::record(WHAT, &record, KINDS));
        }
    }
    parts.assemble()
}

impl Parts {
    /// Reads a part; false if there is no such kind or version.
    fn take(&mut self, record: &Record<'_>) -> Result<bool, Malformed> {
        let payload = record.payload;
        match (record.kind, record.version) {
            (PositionV1::KIND, 1) => self.position = Some(PositionV1::read_payload(payload)?),
            (ClusterV1::KIND, 1) => self.cluster = Some(ClusterV1::read_payload(payload)?),
            (BrokerV1::KIND, 1) => self.brokers.push(BrokerV1::read_payload(payload)?.into()),
            (TopicV1::KIND, 1) => self.topics.push(TopicV1::read_payload(payload)?.into()),
            (ChangesV1::KIND, 1) => self.changes = Some(ChangesV1::read_payload(payload)?),
            (FeaturesV1::KIND, 1) => self.features = FeaturesV1::read_payload(payload)?.into(),
            (BrokerConfigsV1::KIND, 1) => {
                let stored = BrokerConfigsV1::read_payload(payload)?;
                self.broker_configs
                    .insert(stored.node_id, stored.configs.into());
            }
            (ResourceConfigsV1::KIND, 1) => {
                let stored = ResourceConfigsV1::read_payload(payload)?;
                self.resource_configs
                    .insert(stored.resource.0, Arc::new(stored.configs.into()));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn assemble(self) -> Result<StoredState, Unreadable> {
        let missing = |what| Unreadable::Inconsistent(format!("the snapshot has no {what}"));
        let position = self.position.ok_or_else(|| missing("position"))?;
        let cluster = self.cluster.ok_or_else(|| missing("cluster"))?;
        let changes = self.changes.ok_or_else(|| missing("list of changes"))?;
        let mut image = ClusterImage {
            index: position.command_index,
            cluster_id: cluster.cluster_id.map(Into::into),
            next_producer_id: cluster.next_producer_id,
            features: Arc::new(self.features),
            broker_configs: Arc::new(self.broker_configs),
            resource_configs: Arc::new(self.resource_configs),
            changes: Arc::new(Changes::from_parts(changes.complete_since, changes.recent)),
            ..ClusterImage::default()
        };
        image.fill(self.brokers, self.topics);
        Ok(StoredState {
            last: EntryId {
                term: position.term,
                index: position.entry_index,
            },
            image,
        })
    }
}

impl From<BrokerV1> for Broker {
    fn from(stored: BrokerV1) -> Self {
        Self {
            registration: stored.registration.into(),
            epoch: stored.epoch,
        }
    }
}

impl From<TopicV1> for Topic {
    fn from(stored: TopicV1) -> Self {
        Self {
            name: stored.name.into(),
            id: stored.id,
            partitions: stored.partitions.into_iter().map(Into::into).collect(),
            configs: stored.configs.into(),
            changed_at: stored.changed_at,
        }
    }
}
