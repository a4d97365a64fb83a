//! The state that the commands build.
//!
//! `apply` looks at nothing but the state and the command. It checks first and changes after, so
//! that a refused command leaves the state as it was.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::command::{BrokerRegistration, Command, ConfigChange, Partition};
use super::features::FeatureLevel;
use super::image::{Broker, ClusterImage, Topic};
use super::names::{check_topic_name, collision_form};
use super::resource::{CONFIG_RESOURCE_BYTES_MAX, CONFIG_RESOURCES_MAX};

/// Partitions that a topic may have: each costs files, memory and a place in every image.
pub const PARTITIONS_PER_TOPIC_MAX: u32 = 10_000;

/// Bytes of keys and values that the own configs of a topic or a broker may have: every image and
/// snapshot carries them, and a client must not be able to make a command that no frame of the log
/// takes.
pub const CONFIG_BYTES_MAX: usize = 64 << 10;

/// Features that one command may change, and the bytes of a name of one: far more than there are.
const FEATURES_MAX: usize = 64;
const FEATURE_NAME_BYTES_MAX: usize = 128;

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    ClusterIdSet,
    BrokerRegistered {
        epoch: u64,
    },
    TopicCreated(Arc<Topic>),
    /// The topic as it was.
    TopicDeleted(Arc<Topic>),
    /// The topic as it is now.
    ConfigsAltered(Arc<Topic>),
    /// The topic as it is now.
    PartitionsCreated(Arc<Topic>),
    /// The ids from `first` on, `count` of them, are the proposer's.
    ProducerIds {
        first: i64,
        count: u32,
    },
    FeaturesFinalized,
    BrokerConfigsAltered,
    ResourceConfigsAltered,
    BrokerUnregistered,
}

/// Why a command does not fit the state; each is the error of Kafka's of the same name. The text
/// is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("topic {0} already exists")]
    TopicAlreadyExists(String),
    #[error("{0}")]
    InvalidTopic(String),
    #[error("{0}")]
    InvalidPartitions(String),
    #[error("{0}")]
    InvalidReplicationFactor(String),
    #[error("{0}")]
    InvalidReplicaAssignment(String),
    #[error("{0}")]
    InvalidConfig(String),
    #[error("there is no topic with this id")]
    UnknownTopicId,
    #[error("this cluster already has the id {0}")]
    ClusterIdAlreadySet(String),
    #[error("Broker ID {0} is not currently registered")]
    BrokerNotRegistered(i32),
    #[error("the features were changed meanwhile: look again, and ask again")]
    FeaturesChanged,
    /// INVALID_REQUEST: a client never gets here.
    #[error("{0}")]
    InvalidRequest(String),
}

/// The cluster's metadata after the last command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterState {
    image: ClusterImage,
    /// Names that have a `.` or `_`, by the form in which they collide.
    collision_forms: BTreeMap<String, Arc<str>>,
}

impl ClusterState {
    /// The state of an image; everything else is derived from it.
    pub(super) fn from_image(image: ClusterImage) -> Self {
        let collision_forms = image
            .topics()
            .filter_map(|topic| Some((collision_form(&topic.name)?, Arc::clone(&topic.name))))
            .collect();
        Self {
            image,
            collision_forms,
        }
    }

    /// The state as readers see it; costs a few reference counts.
    pub fn image(&self) -> ClusterImage {
        self.image.clone()
    }

    /// The index of the last command.
    pub fn index(&self) -> u64 {
        self.image.index
    }

    /// Carries out the command of that index. A refused command counts as applied: every replica
    /// of the log refuses it alike.
    pub fn apply(&mut self, index: u64, command: &Command) -> Result<Outcome, Refusal> {
        assert!(index > self.image.index, "commands come in order");
        self.image.index = index;
        self.verify(command)?;
        match command {
            Command::SetClusterId { cluster_id } => {
                self.image.cluster_id = Some(cluster_id.as_str().into());
                Ok(Outcome::ClusterIdSet)
            }
            Command::RegisterBroker(registration) => Ok(self.register(registration)),
            Command::CreateTopic {
                name,
                topic_id,
                partitions,
                configs,
            } => {
                let topic = Topic {
                    name: name.as_str().into(),
                    id: *topic_id,
                    partitions: partitions.clone(),
                    configs: configs.clone(),
                    changed_at: index,
                };
                if let Some(form) = collision_form(name) {
                    self.collision_forms.insert(form, Arc::clone(&topic.name));
                }
                Ok(Outcome::TopicCreated(self.put(topic)))
            }
            Command::DeleteTopic { topic_id } => {
                let topic = Arc::clone(self.topic(topic_id)?);
                if let Some(form) = collision_form(&topic.name) {
                    self.collision_forms.remove(&form);
                }
                Arc::make_mut(&mut self.image.by_id).remove(topic_id);
                Arc::make_mut(&mut self.image.by_name).remove(&topic.name);
                self.note_change(*topic_id);
                Ok(Outcome::TopicDeleted(topic))
            }
            Command::AlterTopicConfigs {
                topic_id,
                changes,
                replace,
            } => {
                let mut topic = Topic::clone(self.topic(topic_id)?);
                alter(&mut topic.configs, changes, *replace);
                Ok(Outcome::ConfigsAltered(self.put(topic)))
            }
            Command::CreatePartitions {
                topic_id, added, ..
            } => {
                let mut topic = Topic::clone(self.topic(topic_id)?);
                topic.partitions.extend(added.iter().cloned());
                Ok(Outcome::PartitionsCreated(self.put(topic)))
            }
            Command::AllocateProducerIds { count } => {
                let first = self.image.next_producer_id;
                self.image.next_producer_id += i64::from(*count);
                Ok(Outcome::ProducerIds {
                    first,
                    count: *count,
                })
            }
            Command::SetFeatureLevels { levels, .. } => {
                self.image.features = Arc::new(self.image.features.with(index, levels));
                Ok(Outcome::FeaturesFinalized)
            }
            Command::AlterBrokerConfigs {
                node_id,
                changes,
                replace,
            } => {
                let by_node = Arc::make_mut(&mut self.image.broker_configs);
                let mut configs = by_node.remove(node_id).unwrap_or_default();
                alter(&mut configs, changes, *replace);
                if !configs.is_empty() {
                    by_node.insert(*node_id, configs);
                }
                Ok(Outcome::BrokerConfigsAltered)
            }
            Command::AlterResourceConfigs {
                resource,
                changes,
                replace,
            } => {
                let all = Arc::make_mut(&mut self.image.resource_configs);
                let mut configs = all.remove(resource).unwrap_or_default();
                alter(Arc::make_mut(&mut configs), changes, *replace);
                if !configs.is_empty() {
                    all.insert(resource.clone(), configs);
                }
                Ok(Outcome::ResourceConfigsAltered)
            }
            Command::UnregisterBroker { node_id } => {
                Arc::make_mut(&mut self.image.brokers).remove(node_id);
                Ok(Outcome::BrokerUnregistered)
            }
        }
    }

    /// Whether `apply` would carry the command out; changes nothing.
    pub fn verify(&self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::SetClusterId { .. } => match self.image.cluster_id() {
                Some(id) => Err(Refusal::ClusterIdAlreadySet(id.to_owned())),
                None => Ok(()),
            },
            Command::RegisterBroker(registration) if registration.node_id < 0 => Err(
                Refusal::InvalidRequest(format!("{} is no node id", registration.node_id)),
            ),
            Command::RegisterBroker(_) => Ok(()),
            Command::CreateTopic {
                name,
                topic_id,
                partitions,
                configs,
            } => {
                self.verify_new_topic(name, topic_id, partitions)?;
                check_config_bytes(config_bytes(configs))
            }
            Command::DeleteTopic { topic_id } => self.topic(topic_id).map(drop),
            Command::AlterTopicConfigs {
                topic_id,
                changes,
                replace,
            } => {
                let mut configs = self.topic(topic_id)?.configs.clone();
                check_config_bytes(change_bytes(changes))?;
                alter(&mut configs, changes, *replace);
                check_config_bytes(config_bytes(&configs))
            }
            Command::CreatePartitions {
                topic_id,
                partitions_before,
                added,
            } => {
                let there_are = count(&self.topic(topic_id)?.partitions);
                if there_are != *partitions_before {
                    return Err(Refusal::InvalidPartitions(format!(
                        "the topic has {there_are} partitions by now, not {partitions_before}"
                    )));
                }
                check_partition_count(there_are, count(added))?;
                self.image.check_placement(added)
            }
            Command::AllocateProducerIds { count } => {
                let end = self.image.next_producer_id.checked_add(i64::from(*count));
                match end {
                    Some(_) if *count > 0 => Ok(()),
                    _ => Err(Refusal::InvalidRequest(format!(
                        "cannot allocate {count} producer ids"
                    ))),
                }
            }
            Command::SetFeatureLevels { epoch_before, .. }
                if *epoch_before != self.image.features.epoch() =>
            {
                Err(Refusal::FeaturesChanged)
            }
            Command::SetFeatureLevels { levels, .. } => check_levels(levels),
            Command::AlterBrokerConfigs {
                node_id,
                changes,
                replace,
            } => {
                if let Some(node_id) = node_id
                    && !self.image.brokers.contains_key(node_id)
                {
                    return Err(Refusal::BrokerNotRegistered(*node_id));
                }
                check_config_bytes(change_bytes(changes))?;
                let mut configs = self.image.broker_configs(*node_id).clone();
                alter(&mut configs, changes, *replace);
                check_config_bytes(config_bytes(&configs))
            }
            Command::AlterResourceConfigs {
                resource,
                changes,
                replace,
            } => {
                let present = self.image.resource_configs(resource);
                let are_more = self.image.resource_configs.len() >= CONFIG_RESOURCES_MAX;
                if present.is_empty() && are_more {
                    return Err(Refusal::InvalidConfig(format!(
                        "{CONFIG_RESOURCES_MAX} groups and client metrics have configs already: \
                         delete those of others first"
                    )));
                }
                let mut configs = present.clone();
                alter(&mut configs, changes, *replace);
                let bytes = resource.name().len() + config_bytes(&configs);
                if bytes > CONFIG_RESOURCE_BYTES_MAX {
                    return Err(Refusal::InvalidConfig(format!(
                        "{bytes} bytes of a name and configs are more than the \
                         {CONFIG_RESOURCE_BYTES_MAX} that a group or client metrics may have"
                    )));
                }
                check_config_bytes(change_bytes(changes))
            }
            Command::UnregisterBroker { node_id } => match self.image.brokers.get(node_id) {
                Some(_) => Ok(()),
                None => Err(Refusal::BrokerNotRegistered(*node_id)),
            },
        }
    }

    fn verify_new_topic(
        &self,
        name: &str,
        topic_id: &Uuid,
        partitions: &[Partition],
    ) -> Result<(), Refusal> {
        check_topic_name(name)?;
        if self.image.by_name.contains_key(name) {
            return Err(Refusal::TopicAlreadyExists(name.to_owned()));
        }
        if let Some(other) = collision_form(name).and_then(|form| self.collision_forms.get(&form)) {
            return Err(Refusal::InvalidTopic(format!(
                "topic {name} collides with {other}: '.' and '_' are the same in metric names"
            )));
        }
        if topic_id.is_nil() || self.image.by_id.contains_key(topic_id) {
            return Err(Refusal::InvalidRequest(format!(
                "{topic_id} cannot be the id of a new topic"
            )));
        }
        check_partition_count(0, count(partitions))?;
        self.image.check_placement(partitions)
    }

    fn topic(&self, id: &Uuid) -> Result<&Arc<Topic>, Refusal> {
        self.image.by_id.get(id).ok_or(Refusal::UnknownTopicId)
    }

    /// Takes in a new or changed topic. Its maps are copied only if a published image holds them.
    fn put(&mut self, mut topic: Topic) -> Arc<Topic> {
        topic.changed_at = self.image.index;
        let topic = Arc::new(topic);
        Arc::make_mut(&mut self.image.by_id).insert(topic.id, Arc::clone(&topic));
        Arc::make_mut(&mut self.image.by_name).insert(Arc::clone(&topic.name), Arc::clone(&topic));
        self.note_change(topic.id);
        topic
    }

    fn note_change(&mut self, topic_id: Uuid) {
        Arc::make_mut(&mut self.image.changes).push(self.image.index, topic_id);
    }

    fn register(&mut self, registration: &BrokerRegistration) -> Outcome {
        let epoch = self.image.index;
        let broker = Arc::new(Broker {
            registration: registration.clone(),
            epoch,
        });
        let before = Arc::make_mut(&mut self.image.brokers).insert(registration.node_id, broker);
        if before.is_some_and(|b| b.registration.incarnation != registration.incarnation) {
            self.bump_leader_epochs(registration.node_id);
        }
        Outcome::BrokerRegistered { epoch }
    }

    /// A leader that was away may have lost records that were not flushed: a new epoch lets
    /// clients and followers find out (KIP-101, KIP-320).
    fn bump_leader_epochs(&mut self, leader: i32) {
        let led: Vec<Arc<Topic>> = self
            .image
            .topics()
            .filter(|topic| topic.partitions.iter().any(|p| p.leader == leader))
            .cloned()
            .collect();
        for topic in led {
            let mut topic = Topic::clone(&topic);
            for partition in topic.partitions.iter_mut().filter(|p| p.leader == leader) {
                partition.leader_epoch += 1;
                partition.partition_epoch += 1;
            }
            self.put(topic);
        }
    }
}

fn alter(configs: &mut BTreeMap<String, String>, changes: &[ConfigChange], replace: bool) {
    if replace {
        configs.clear();
    }
    for change in changes {
        match &change.value {
            Some(value) => configs.insert(change.key.clone(), value.clone()),
            None => configs.remove(&change.key),
        };
    }
}

fn config_bytes(configs: &BTreeMap<String, String>) -> usize {
    configs
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum()
}

fn change_bytes(changes: &[ConfigChange]) -> usize {
    let value_bytes = |change: &ConfigChange| change.value.as_ref().map_or(0, String::len);
    changes.iter().map(|c| c.key.len() + value_bytes(c)).sum()
}

fn check_config_bytes(bytes: usize) -> Result<(), Refusal> {
    if bytes > CONFIG_BYTES_MAX {
        return Err(Refusal::InvalidConfig(format!(
            "{bytes} bytes of configs are more than the {CONFIG_BYTES_MAX} that a topic or \
             a broker may have"
        )));
    }
    Ok(())
}

/// Which features there are is not looked at: a log is read by every later Naru.
fn check_levels(levels: &[FeatureLevel]) -> Result<(), Refusal> {
    let wrong = |level: &&FeatureLevel| {
        level.level < 0 || level.name.is_empty() || level.name.len() > FEATURE_NAME_BYTES_MAX
    };
    match levels.iter().find(wrong) {
        None if levels.len() <= FEATURES_MAX => Ok(()),
        _ => Err(Refusal::InvalidRequest(
            "these are no levels of features".into(),
        )),
    }
}

fn count(partitions: &[Partition]) -> u32 {
    u32::try_from(partitions.len()).unwrap_or(u32::MAX)
}

/// Whether a topic of `before` partitions may get `added` more.
pub(super) fn check_partition_count(before: u32, added: u32) -> Result<(), Refusal> {
    if added == 0 {
        return Err(Refusal::InvalidPartitions(
            "the number of partitions must grow by at least one".into(),
        ));
    }
    let total = before.saturating_add(added);
    if total > PARTITIONS_PER_TOPIC_MAX {
        return Err(Refusal::InvalidPartitions(format!(
            "{total} partitions are more than the {PARTITIONS_PER_TOPIC_MAX} that a topic may have"
        )));
    }
    Ok(())
}
