//! CreatePartitions (v0–v3, KIP-195): more partitions for topics that there are.

use std::collections::HashSet;

use naru_wire::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use super::topics::cluster_error_code;
use crate::cluster::{ClusterError, ClusterImage, Command, Partition, Refusal, Topic, TopicRef};

/// What Kafka adds to a topic in one request at most.
const ADDED_PER_REQUEST_MAX: usize = 10_000;

/// An error code with the sentence that a client shows, if there is one.
type Refused = (ErrorCode, Option<String>);

pub async fn handle(
    context: &Context,
    request: CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let mut names = HashSet::with_capacity(request.topics.len());
    let mut doubled = HashSet::new();
    for topic in &request.topics {
        if !names.insert(&topic.name) {
            doubled.insert(&topic.name);
        }
    }
    let mut results = Vec::with_capacity(names.len());
    let mut turns = Turns::of(context);
    // A topic that is named twice is answered once, before the others, as in Kafka.
    for name in &doubled {
        turns.take(1).await;
        let duplicate = (
            ErrorCode::InvalidRequest,
            Some("Duplicate topic name.".to_owned()),
        );
        results.push(result(name, Err(duplicate)));
    }
    for topic in &request.topics {
        if doubled.contains(&topic.name) {
            continue;
        }
        turns
            .take(1 + topic.assignments.as_ref().map_or(0, Vec::len))
            .await;
        let grown = grow(context, topic, request.validate_only).await;
        results.push(result(&topic.name, grown));
    }
    CreatePartitionsResponse {
        results,
        ..Default::default()
    }
}

fn result(name: &Str, grown: Result<(), Refused>) -> CreatePartitionsTopicResult {
    let (error_code, message) = match grown {
        Ok(()) => (ErrorCode::None, None),
        Err(refused) => refused,
    };
    CreatePartitionsTopicResult {
        name: name.clone(),
        error_code,
        error_message: message.map(Str::from),
    }
}

async fn grow(
    context: &Context,
    wanted: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), Refused> {
    let image = context.shard.image();
    let topic = image.topic(TopicRef::Name(&wanted.name));
    let topic = topic.ok_or((ErrorCode::UnknownTopicOrPartition, None))?;
    let added = added(&image, &topic, wanted)?;
    if validate_only {
        return Ok(());
    }
    let command = Command::CreatePartitions {
        topic_id: topic.id,
        partitions_before: topic.partitions.len() as u32,
        added,
    };
    match context.shard.propose(command).await {
        Ok(_) => Ok(()),
        Err(ClusterError::Refused(Refusal::UnknownTopicId)) => {
            Err((ErrorCode::UnknownTopicOrPartition, None))
        }
        Err(error) => Err((cluster_error_code(&error), Some(error.to_string()))),
    }
}

/// The partitions that are to come, checked.
fn added(
    image: &ClusterImage,
    topic: &Topic,
    wanted: &CreatePartitionsTopic,
) -> Result<Vec<Partition>, Refused> {
    let invalid = |message: String| Err((ErrorCode::InvalidPartitions, Some(message)));
    let there_are = topic.partitions.len();
    if topic.is_internal() {
        // Who coordinates a group or a transaction is told by the number of partitions.
        return invalid(format!(
            "The number of partitions of {} cannot be changed.",
            topic.name
        ));
    }
    let count = usize::try_from(wanted.count).unwrap_or(0);
    if count == there_are {
        return invalid(format!("Topic already has {there_are} partition(s)."));
    }
    if count < there_are {
        return invalid(format!(
            "The topic {} currently has {there_are} partition(s); {} would not be an increase.",
            topic.name, wanted.count
        ));
    }
    let more = count - there_are;
    if more > ADDED_PER_REQUEST_MAX {
        let message = "Excessively large number of additional partitions per request.";
        return Err((ErrorCode::PolicyViolation, Some(message.to_owned())));
    }
    let refused = |refusal: Refusal| {
        let error = ClusterError::Refused(refusal);
        (cluster_error_code(&error), Some(error.to_string()))
    };
    let Some(assignments) = &wanted.assignments else {
        let replicas = topic.partitions.first().map_or(1, |p| p.replicas.len());
        let copies = u16::try_from(replicas).unwrap_or(u16::MAX);
        return image
            .assign(more as u32, copies, there_are as u32)
            .map_err(refused);
    };
    if assignments.len() != more {
        let message = format!(
            "Attempted to add {more} additional partition(s), but only {} assignment(s) were \
             specified.",
            assignments.len()
        );
        return Err((ErrorCode::InvalidReplicaAssignment, Some(message)));
    }
    let placed = assignments.iter();
    let added: Vec<Partition> = placed
        .map(|one| Partition::new(one.broker_ids.clone()))
        .collect();
    image.check_placement(&added).map_err(refused)?;
    Ok(added)
}
