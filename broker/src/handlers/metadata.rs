//! Metadata (v0–v13): brokers, topics and who leads their partitions.
//!
//! A topic that is not there is created, where client and broker allow it, and still answered as
//! unknown, in every version, as Kafka 4 does: clients ask again. Kafka creates it while the answer
//! is on its way. Here it is created before the answer, so that the next request finds it and no
//! connection has more than one creation under way.

use std::collections::HashSet;
use std::sync::Arc;

use naru_wire::api::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use naru_wire::{ErrorCode, Str};
use uuid::Uuid;

use super::create_topics::create_automatically;
use super::dispatch::{Context, Turns};
use super::topics::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS, advertised_brokers, topic_error};
use crate::cluster::{ClusterImage, Topic, TopicRef, is_internal_topic};

pub async fn handle(context: &Context, request: MetadataRequest) -> MetadataResponse {
    let mut topics = Vec::new();
    let mut turns = Turns::of(context);
    match &request.topics {
        // In version 0 an empty list asks for all.
        None => topics = all(&context.shard.image()),
        Some(asked) if asked.is_empty() && context.version() == 0 => {
            topics = all(&context.shard.image());
        }
        Some(asked) => {
            // Once each, as in Kafka: nobody needs a topic of 10,000 partitions again for each time
            // that it is named, and such an answer would have no bound.
            let mut seen = HashSet::with_capacity(asked.len());
            for one in asked {
                if !seen.insert((&one.name, one.topic_id)) {
                    continue;
                }
                let topic = match &one.name {
                    Some(name) if one.topic_id.is_nil() => {
                        by_name(context, name, request.allow_auto_topic_creation).await
                    }
                    _ => by_id(&context.shard.image(), one.topic_id),
                };
                turns.take(1 + topic.partitions.len()).await;
                topics.push(topic);
            }
        }
    }
    if request.include_topic_authorized_operations {
        let known = topics.iter_mut().filter(|topic| topic.error_code.is_none());
        known.for_each(|topic| topic.topic_authorized_operations = TOPIC_OPERATIONS);
    }
    let cluster_authorized_operations = match request.include_cluster_authorized_operations {
        true => CLUSTER_OPERATIONS,
        false => i32::MIN,
    };
    let image = context.shard.image();
    let brokers = advertised_brokers(&image, &context.listener_name());
    MetadataResponse {
        brokers: brokers
            .into_iter()
            .map(|broker| MetadataResponseBroker {
                node_id: broker.node_id,
                host: broker.host,
                port: broker.port,
                rack: broker.rack,
            })
            .collect(),
        cluster_id: image.cluster_id().map(Str::from),
        controller_id: context.shard.controller_id(),
        topics,
        cluster_authorized_operations,
        ..Default::default()
    }
}

fn all(image: &ClusterImage) -> Vec<MetadataResponseTopic> {
    image.topics().map(describe).collect()
}

async fn by_name(context: &Context, name: &Str, may_create: bool) -> MetadataResponseTopic {
    let known = context.shard.image().topic(TopicRef::Name(name));
    if let Some(topic) = known {
        return describe(&topic);
    }
    let error_code = topic_error(name);
    let is_legal = error_code == ErrorCode::UnknownTopicOrPartition;
    if is_legal && may_create && context.shard.config.topics.auto_create {
        create_automatically(context, name).await;
    }
    MetadataResponseTopic {
        error_code,
        name: Some(name.clone()),
        is_internal: is_internal_topic(name),
        ..Default::default()
    }
}

fn by_id(image: &ClusterImage, topic_id: Uuid) -> MetadataResponseTopic {
    match image.topic(TopicRef::Id(topic_id)) {
        Some(topic) => describe(&topic),
        None => MetadataResponseTopic {
            error_code: ErrorCode::UnknownTopicId,
            name: None,
            topic_id,
            ..Default::default()
        },
    }
}

fn describe(topic: &Arc<Topic>) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().enumerate();
    MetadataResponseTopic {
        name: Some(Str::from(&*topic.name)),
        topic_id: topic.id,
        is_internal: topic.is_internal(),
        partitions: partitions
            .map(|(index, partition)| MetadataResponsePartition {
                error_code: if partition.leader < 0 {
                    ErrorCode::LeaderNotAvailable
                } else {
                    ErrorCode::None
                },
                partition_index: index as i32,
                leader_id: partition.leader,
                leader_epoch: partition.leader_epoch,
                replica_nodes: partition.replicas.clone(),
                isr_nodes: partition.isr.clone(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}
