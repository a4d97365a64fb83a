//! Log and snapshot version 1, as rkyv archived the live types of that time: read, never written.
//!
//! Frozen. rkyv's layout follows the order of the variants and the fields, and the size of the
//! largest variant, so that nothing may be added here, changed or moved. What is written today is
//! in the files beside this one.

use std::collections::BTreeMap;
use std::sync::Arc;

use rkyv::rancor::{self, Fallible};
use rkyv::util::AlignedVec;
use rkyv::with::{ArchiveWith, DeserializeWith};
use rkyv::{Archive, Deserialize, Place};
use uuid::Uuid;

use super::super::changes::Changes;
use super::super::command as live;
use super::super::image::{Broker, ClusterImage, Topic};

#[derive(Archive, Deserialize)]
enum Command {
    SetClusterId {
        cluster_id: String,
    },
    RegisterBroker(BrokerRegistration),
    CreateTopic {
        name: String,
        #[rkyv(with = AsBytes)]
        topic_id: Uuid,
        partitions: Vec<Partition>,
        configs: BTreeMap<String, String>,
    },
    DeleteTopic {
        #[rkyv(with = AsBytes)]
        topic_id: Uuid,
    },
    AlterTopicConfigs {
        #[rkyv(with = AsBytes)]
        topic_id: Uuid,
        changes: Vec<ConfigChange>,
        replace: bool,
    },
    CreatePartitions {
        #[rkyv(with = AsBytes)]
        topic_id: Uuid,
        partitions_before: u32,
        added: Vec<Partition>,
    },
    AllocateProducerIds {
        count: u32,
    },
}

#[derive(Archive, Deserialize)]
struct ConfigChange {
    key: String,
    value: Option<String>,
}

#[derive(Archive, Deserialize)]
struct Partition {
    replicas: Vec<i32>,
    isr: Vec<i32>,
    leader: i32,
    leader_epoch: i32,
    partition_epoch: i32,
}

#[derive(Archive, Deserialize)]
struct BrokerRegistration {
    node_id: i32,
    #[rkyv(with = AsBytes)]
    incarnation: Uuid,
    listeners: Vec<BrokerListener>,
    rack: Option<String>,
}

#[derive(Archive, Deserialize)]
struct BrokerListener {
    name: String,
    host: String,
    port: u16,
}

#[derive(Archive, Deserialize)]
struct StoredState {
    cluster_id: Option<String>,
    brokers: Vec<StoredBroker>,
    topics: Vec<StoredTopic>,
    next_producer_id: i64,
}

#[derive(Archive, Deserialize)]
struct StoredBroker {
    registration: BrokerRegistration,
    epoch: u64,
}

#[derive(Archive, Deserialize)]
struct StoredTopic {
    name: String,
    #[rkyv(with = AsBytes)]
    id: Uuid,
    partitions: Vec<Partition>,
    configs: BTreeMap<String, String>,
    changed_at: u64,
}

/// How a UUID was stored: its 16 bytes.
struct AsBytes;

impl ArchiveWith<Uuid> for AsBytes {
    type Archived = [u8; 16];
    type Resolver = ();

    fn resolve_with(id: &Uuid, _: Self::Resolver, out: Place<Self::Archived>) {
        id.as_bytes().resolve([(); 16], out);
    }
}

impl<D: Fallible + ?Sized> DeserializeWith<[u8; 16], Uuid, D> for AsBytes {
    fn deserialize_with(bytes: &[u8; 16], _: &mut D) -> Result<Uuid, D::Error> {
        Ok(Uuid::from_bytes(*bytes))
    }
}

/// The commands of a frame of version 1.
pub fn decode_commands_v1(payload: &[u8]) -> Result<Vec<live::Command>, String> {
    let commands = rkyv::from_bytes::<Vec<Command>, rancor::Error>(&aligned(payload));
    let commands = commands.map_err(|error| error.to_string())?;
    Ok(commands.into_iter().map(Into::into).collect())
}

/// The state of a snapshot of version 1 that was taken after the command of that index.
pub fn decode_state_v1(index: u64, payload: &[u8]) -> Result<ClusterImage, String> {
    let stored = rkyv::from_bytes::<StoredState, rancor::Error>(&aligned(payload));
    let stored = stored.map_err(|error| error.to_string())?;
    let mut image = ClusterImage {
        index,
        cluster_id: stored.cluster_id.map(Into::into),
        next_producer_id: stored.next_producer_id,
        // What had changed before was not kept.
        changes: Arc::new(Changes::from_parts(index, Vec::new())),
        ..ClusterImage::default()
    };
    let brokers = stored.brokers.into_iter().map(|broker| Broker {
        registration: broker.registration.into(),
        epoch: broker.epoch,
    });
    let topics = stored.topics.into_iter().map(|topic| Topic {
        name: topic.name.into(),
        id: topic.id,
        partitions: topic.partitions.into_iter().map(Into::into).collect(),
        configs: topic.configs,
        changed_at: topic.changed_at,
    });
    image.fill(brokers, topics);
    Ok(image)
}

/// rkyv reads in place and needs its alignment.
fn aligned(payload: &[u8]) -> AlignedVec<16> {
    let mut aligned = AlignedVec::with_capacity(payload.len());
    aligned.extend_from_slice(payload);
    aligned
}

impl From<Command> for live::Command {
    fn from(stored: Command) -> Self {
        match stored {
            Command::SetClusterId { cluster_id } => Self::SetClusterId { cluster_id },
            Command::RegisterBroker(registration) => Self::RegisterBroker(registration.into()),
            Command::CreateTopic {
                name,
                topic_id,
                partitions,
                configs,
            } => Self::CreateTopic {
                name,
                topic_id,
                partitions: partitions.into_iter().map(Into::into).collect(),
                configs,
            },
            Command::DeleteTopic { topic_id } => Self::DeleteTopic { topic_id },
            Command::AlterTopicConfigs {
                topic_id,
                changes,
                replace,
            } => Self::AlterTopicConfigs {
                topic_id,
                changes: changes.into_iter().map(Into::into).collect(),
                replace,
            },
            Command::CreatePartitions {
                topic_id,
                partitions_before,
                added,
            } => Self::CreatePartitions {
                topic_id,
                partitions_before,
                added: added.into_iter().map(Into::into).collect(),
            },
            Command::AllocateProducerIds { count } => Self::AllocateProducerIds { count },
        }
    }
}

impl From<ConfigChange> for live::ConfigChange {
    fn from(stored: ConfigChange) -> Self {
        let ConfigChange { key, value } = stored;
        Self { key, value }
    }
}

impl From<Partition> for live::Partition {
    fn from(stored: Partition) -> Self {
        Self {
            replicas: stored.replicas,
            isr: stored.isr,
            leader: stored.leader,
            leader_epoch: stored.leader_epoch,
            partition_epoch: stored.partition_epoch,
        }
    }
}

impl From<BrokerRegistration> for live::BrokerRegistration {
    fn from(stored: BrokerRegistration) -> Self {
        let listeners = stored.listeners.into_iter();
        Self {
            node_id: stored.node_id,
            incarnation: stored.incarnation,
            listeners: listeners
                .map(|one| live::BrokerListener {
                    name: one.name,
                    host: one.host,
                    port: one.port,
                })
                .collect(),
            rack: stored.rack,
        }
    }
}
