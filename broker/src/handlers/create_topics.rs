//! CreateTopics (v2–v7), and the topics that come about by being asked for.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use naru_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse,
};
use naru_wire::{ErrorCode, Str};
use uuid::Uuid;

use super::config_resources::layers;
use super::dispatch::{Context, Turns};
use super::topics::cluster_error_code;
use crate::cluster::{
    ClusterError, Command, Outcome, PARTITIONS_PER_TOPIC_MAX, Partition, Refusal, Topic, TopicRef,
    check_topic_name,
};
use crate::config::{TopicOverrides, topic};
use crate::coordinator::OFFSETS_TOPIC;
use crate::coordinator::transactions::TRANSACTIONS_TOPIC;
use crate::shard::Shard;

/// An error code with the sentence that a client shows.
struct Refused(ErrorCode, String);

impl From<ClusterError> for Refused {
    fn from(error: ClusterError) -> Self {
        Self(cluster_error_code(&error), error.to_string())
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        ClusterError::Refused(refusal).into()
    }
}

pub async fn handle(context: &Context, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let mut response = CreateTopicsResponse::default();
    let mut turns = Turns::of(context);
    let mut names = HashSet::with_capacity(request.topics.len());
    let doubled: HashSet<&Str> = request
        .topics
        .iter()
        .map(|topic| &topic.name)
        .filter(|name| !names.insert(*name))
        .collect();
    for wanted in &request.topics {
        turns.take(1 + wanted.assignments.len()).await;
        let made = if doubled.contains(&wanted.name) {
            Err(Refused(
                ErrorCode::InvalidRequest,
                format!(
                    "topic {} is named more than once in the request",
                    wanted.name
                ),
            ))
        } else {
            create(&context.shard, wanted, request.validate_only).await
        };
        response.topics.push(match made {
            Ok(topic) => describe(context, &topic),
            Err(Refused(error_code, message)) => CreatableTopicResult {
                name: wanted.name.clone(),
                error_code,
                error_message: Some(Str::from(message)),
                configs: None,
                ..Default::default()
            },
        });
    }
    response
}

async fn create(
    shard: &Shard,
    wanted: &CreatableTopic,
    validate_only: bool,
) -> Result<Arc<Topic>, Refused> {
    let configs = overrides(wanted)?;
    let partitions = assignment(shard, wanted)?;
    check_topic_name(&wanted.name)?;
    let topic = Topic {
        name: Arc::from(&*wanted.name),
        id: shard.random_uuid(),
        partitions,
        configs,
        changed_at: 0,
    };
    if !validate_only {
        return propose(shard, topic).await;
    }
    if shard.image().topic(TopicRef::Name(&topic.name)).is_some() {
        return Err(Refusal::TopicAlreadyExists(topic.name.to_string()).into());
    }
    Ok(Arc::new(Topic {
        id: Uuid::nil(),
        ..topic
    }))
}

async fn propose(shard: &Shard, topic: Topic) -> Result<Arc<Topic>, Refused> {
    let command = Command::CreateTopic {
        name: topic.name.to_string(),
        topic_id: topic.id,
        partitions: topic.partitions,
        configs: topic.configs,
    };
    match shard.propose(command).await? {
        Outcome::TopicCreated(topic) => Ok(topic),
        other => Err(Refused(
            ErrorCode::UnknownServerError,
            format!("the cluster answered a new topic with {other:?}"),
        )),
    }
}

fn overrides(wanted: &CreatableTopic) -> Result<TopicOverrides, Refused> {
    let null = wanted.configs.iter().find(|config| config.value.is_none());
    if let Some(config) = null {
        let message = format!(
            "Null value not supported for topic configs: {}",
            config.name
        );
        return Err(Refused(ErrorCode::InvalidConfig, message));
    }
    let pairs = wanted
        .configs
        .iter()
        .filter_map(|config| Some((&*config.name, &**config.value.as_ref()?)));
    topic::check(pairs).map_err(|e| Refused(ErrorCode::InvalidConfig, e.to_string()))
}

fn assignment(shard: &Shard, wanted: &CreatableTopic) -> Result<Vec<Partition>, Refused> {
    if !wanted.assignments.is_empty() {
        return manual_assignment(wanted);
    }
    let defaults = &shard.config.topics;
    let partitions = match wanted.num_partitions {
        -1 => defaults.partitions,
        count if count > 0 => count as u32,
        count => {
            let message = format!("number of partitions was {count}; it must be at least 1");
            return Err(Refusal::InvalidPartitions(message).into());
        }
    };
    if partitions as usize > PARTITIONS_PER_TOPIC_MAX as usize {
        let message = format!(
            "{partitions} partitions asked for; a topic has {PARTITIONS_PER_TOPIC_MAX} at most"
        );
        return Err(Refusal::InvalidPartitions(message).into());
    }
    let replicas = match wanted.replication_factor {
        -1 => defaults.replication_factor,
        count if count > 0 => count as u16,
        count => {
            let message = format!("replication factor was {count}; it must be at least 1");
            return Err(Refusal::InvalidReplicationFactor(message).into());
        }
    };
    Ok(shard.image().assign(partitions, replicas, 0)?)
}

fn manual_assignment(wanted: &CreatableTopic) -> Result<Vec<Partition>, Refused> {
    if wanted.num_partitions != -1 || wanted.replication_factor != -1 {
        let message = "both an assignment and numPartitions or replicationFactor are set";
        return Err(Refused(ErrorCode::InvalidRequest, message.to_owned()));
    }
    let by_index: BTreeMap<i32, &Vec<i32>> = wanted
        .assignments
        .iter()
        .map(|one| (one.partition_index, &one.broker_ids))
        .collect();
    let is_complete = by_index
        .keys()
        .copied()
        .eq(0..wanted.assignments.len() as i32);
    if !is_complete {
        let message = "the assignment must name each partition once, from 0 on without a gap";
        return Err(Refusal::InvalidReplicaAssignment(message.to_owned()).into());
    }
    Ok(by_index
        .into_values()
        .map(|replicas| Partition::new(replicas.clone()))
        .collect())
}

fn describe(context: &Context, topic: &Topic) -> CreatableTopicResult {
    let replicas = topic.partitions.first().map_or(0, |p| p.replicas.len());
    let image = context.shard.image();
    let layers = layers(&context.shard.config, &image);
    let entries = layers.topic_entries(&topic.configs, &context.shard.config());
    let configs = entries.into_iter().map(|entry| CreatableTopicConfigs {
        name: Str::from(entry.name),
        value: entry.value.map(Str::from),
        read_only: false,
        config_source: entry.source.code(),
        is_sensitive: false,
    });
    CreatableTopicResult {
        name: Str::from(&*topic.name),
        topic_id: topic.id,
        error_message: None,
        num_partitions: topic.partitions.len() as i32,
        replication_factor: replicas as i16,
        configs: Some(configs.collect()),
        ..Default::default()
    }
}

/// Makes a topic because somebody asked about it (`auto.create.topics.enable`). Who asked is not
/// told how it went: they ask again, and the log says why there is none.
pub async fn create_automatically(context: &Context, name: &str) {
    let shard = &context.shard;
    let made = match name {
        OFFSETS_TOPIC => create_offsets_topic(shard).await,
        TRANSACTIONS_TOPIC => create_transactions_topic(shard).await,
        _ => {
            let wanted = CreatableTopic {
                name: Str::from(name),
                num_partitions: -1,
                replication_factor: -1,
                ..Default::default()
            };
            or_existing(shard, name, create(shard, &wanted, false).await)
        }
    };
    drop(made);
}

/// `__consumer_offsets`, made when a group first needs it.
pub async fn offsets_topic(shard: &Shard) -> Result<Arc<Topic>, ErrorCode> {
    match shard.image().topic(TopicRef::Name(OFFSETS_TOPIC)) {
        Some(topic) => Ok(topic),
        None => create_offsets_topic(shard).await,
    }
}

/// `__transaction_state`, made when a transactional id first needs it.
pub async fn transactions_topic(shard: &Shard) -> Result<Arc<Topic>, ErrorCode> {
    match shard.image().topic(TopicRef::Name(TRANSACTIONS_TOPIC)) {
        Some(topic) => Ok(topic),
        None => create_transactions_topic(shard).await,
    }
}

async fn create_offsets_topic(shard: &Shard) -> Result<Arc<Topic>, ErrorCode> {
    let partitions = shard.config.groups.offsets_partitions;
    let configs = [
        ("compression.type", "producer".to_owned()),
        ("segment.bytes", "104857600".to_owned()),
    ];
    create_internal(shard, OFFSETS_TOPIC, partitions, configs).await
}

async fn create_transactions_topic(shard: &Shard) -> Result<Arc<Topic>, ErrorCode> {
    let config = &shard.config.transactions;
    let configs = [
        ("compression.type", "uncompressed".to_owned()),
        ("segment.bytes", config.state_segment_bytes.to_string()),
    ];
    create_internal(shard, TRANSACTIONS_TOPIC, config.state_partitions, configs).await
}

/// A topic of a coordinator: compacted and never expired.
async fn create_internal(
    shard: &Shard,
    name: &str,
    partitions: u32,
    configs: [(&str, String); 2],
) -> Result<Arc<Topic>, ErrorCode> {
    let partitions = shard.image().assign(partitions, 1, 0);
    let partitions = partitions.map_err(|_| ErrorCode::CoordinatorNotAvailable)?;
    let configs = configs.into_iter();
    let mut configs: BTreeMap<_, _> = configs
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
    let topic = Topic {
        name: Arc::from(name),
        id: shard.random_uuid(),
        partitions,
        configs,
        changed_at: 0,
    };
    or_existing(shard, name, propose(shard, topic).await)
}

/// Two who ask at the same time both get the topic.
fn or_existing(
    shard: &Shard,
    name: &str,
    made: Result<Arc<Topic>, Refused>,
) -> Result<Arc<Topic>, ErrorCode> {
    match made {
        Ok(topic) => Ok(topic),
        Err(Refused(code, message)) => {
            let existing = shard.image().topic(TopicRef::Name(name));
            existing.ok_or_else(|| {
                tracing::warn!("cannot create topic {name}: {message}");
                code
            })
        }
    }
}
