//! DescribeQuorum (v0–v2, KIP-595, KIP-836, KIP-853): who keeps the cluster's metadata. One node is
//! a quorum of one, which is always caught up with itself.

use naru_wire::api::describe_quorum::{
    DescribeQuorumRequest, DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState,
    TopicData,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::Context;
use crate::cluster::{ClusterImage, DIRECTORY, QUORUM_TERM};

pub fn handle(context: &Context, request: &DescribeQuorumRequest) -> DescribeQuorumResponse {
    let image = context.shard.image();
    let is_metadata = match request.topics.as_slice() {
        [topic] if &*topic.topic_name == DIRECTORY => {
            matches!(topic.partitions.as_slice(), [one] if one.partition_index == 0)
        }
        _ => false,
    };
    let topics = request.topics.iter().map(|topic| TopicData {
        topic_name: topic.topic_name.clone(),
        partitions: topic
            .partitions
            .iter()
            .map(|partition| match is_metadata {
                true => quorum(context, &image),
                // Kafka's words, for whatever is not asked for by itself.
                false => PartitionData {
                    partition_index: partition.partition_index,
                    error_code: ErrorCode::UnknownTopicOrPartition,
                    error_message: Some("This server does not host this topic-partition.".into()),
                    ..Default::default()
                },
            })
            .collect(),
    });
    DescribeQuorumResponse {
        topics: topics.collect(),
        nodes: if is_metadata {
            nodes(context, &image)
        } else {
            Vec::new()
        },
        ..Default::default()
    }
}

fn quorum(context: &Context, image: &ClusterImage) -> PartitionData {
    let end_offset = i64::try_from(image.index).unwrap_or(i64::MAX);
    let now_ms = context.shard.now_ms();
    PartitionData {
        leader_id: context.shard.controller_id(),
        leader_epoch: QUORUM_TERM,
        high_watermark: end_offset,
        current_voters: vec![ReplicaState {
            replica_id: context.shard.config.node_id,
            log_end_offset: end_offset,
            last_fetch_timestamp: now_ms,
            last_caught_up_timestamp: now_ms,
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The addresses of the one voter.
fn nodes(context: &Context, image: &ClusterImage) -> Vec<Node> {
    let node_id = context.shard.config.node_id;
    let broker = image.broker(node_id).into_iter();
    broker
        .map(|broker| Node {
            node_id,
            listeners: broker
                .registration
                .listeners
                .iter()
                .map(|listener| Listener {
                    name: Str::from(&listener.name),
                    host: Str::from(&listener.host),
                    port: listener.port,
                })
                .collect(),
        })
        .collect()
}
