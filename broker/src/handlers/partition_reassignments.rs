//! AlterPartitionReassignments (v0–v1, KIP-455, KIP-860) and ListPartitionReassignments (v0).
//!
//! One node has nowhere to move a partition to: what is asked for is there already, or cannot be
//! had, and nothing is ever under way.

use naru_wire::api::alter_partition_reassignments::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, ReassignablePartition,
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
use naru_wire::api::list_partition_reassignments::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use super::topics::cluster_error_code;
use crate::cluster::{ClusterError, ClusterImage, Partition, Topic, TopicRef};

pub async fn alter(
    context: &Context,
    request: AlterPartitionReassignmentsRequest,
) -> AlterPartitionReassignmentsResponse {
    let image = context.shard.image();
    let may_resize = request.allow_replication_factor_change;
    let mut responses = Vec::with_capacity(request.topics.len());
    let mut turns = Turns::of(context);
    for wanted in request.topics {
        turns.take(1 + wanted.partitions.len()).await;
        let topic = image.topic(TopicRef::Name(&wanted.name));
        let partitions = wanted.partitions.iter().map(|partition| {
            let moved = match &topic {
                Some(topic) => reassign(&image, topic, partition, may_resize),
                None => Err((
                    ErrorCode::UnknownTopicOrPartition,
                    Some(format!("Unable to find a topic named {}.", wanted.name)),
                )),
            };
            let (error_code, message) = match moved {
                Ok(()) => (ErrorCode::None, None),
                Err(refused) => refused,
            };
            ReassignablePartitionResponse {
                partition_index: partition.partition_index,
                error_code,
                error_message: message.map(Str::from),
            }
        });
        let partitions = partitions.collect();
        responses.push(ReassignableTopicResponse {
            name: wanted.name,
            partitions,
        });
    }
    AlterPartitionReassignmentsResponse {
        allow_replication_factor_change: may_resize,
        error_message: None,
        responses,
        ..Default::default()
    }
}

fn reassign(
    image: &ClusterImage,
    topic: &Topic,
    wanted: &ReassignablePartition,
    may_resize: bool,
) -> Result<(), (ErrorCode, Option<String>)> {
    let index = wanted.partition_index;
    let present = topic.partition(index).ok_or_else(|| {
        let message = format!("Unable to find partition {}:{index}.", topic.name);
        (ErrorCode::UnknownTopicOrPartition, Some(message))
    })?;
    let Some(replicas) = &wanted.replicas else {
        return Err((ErrorCode::NoReassignmentInProgress, None));
    };
    let placed = image.check_placement(&[Partition::new(replicas.clone())]);
    placed.map_err(|refusal| {
        let error = ClusterError::Refused(refusal);
        (cluster_error_code(&error), Some(error.to_string()))
    })?;
    if !may_resize && replicas.len() != present.replicas.len() {
        let message = format!(
            "The replication factor is changed from {} to {}",
            present.replicas.len(),
            replicas.len()
        );
        return Err((ErrorCode::InvalidReplicationFactor, Some(message)));
    }
    if *replicas != present.replicas {
        let message = "Naru is one node: its partitions stay where they are.".to_owned();
        return Err((ErrorCode::InvalidReplicaAssignment, Some(message)));
    }
    Ok(())
}

/// What is asked for is not looked at, as in Kafka: there is nothing to tell of anything.
pub fn list(_request: &ListPartitionReassignmentsRequest) -> ListPartitionReassignmentsResponse {
    ListPartitionReassignmentsResponse {
        error_message: None,
        ..Default::default()
    }
}
