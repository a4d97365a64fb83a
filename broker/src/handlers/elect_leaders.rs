//! ElectLeaders (v0–v2, KIP-460): one node leads what it has, so that no election is ever needed.

use naru_wire::api::elect_leaders::{
    ElectLeadersRequest, ElectLeadersResponse, PartitionResult, ReplicaElectionResult,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use crate::cluster::{ClusterImage, Topic, TopicRef};

/// `ElectionType`
const PREFERRED: i8 = 0;
const UNCLEAN: i8 = 1;

pub async fn handle(context: &Context, request: ElectLeadersRequest) -> ElectLeadersResponse {
    let image = context.shard.image();
    let is_known = matches!(request.election_type, PREFERRED | UNCLEAN);
    let unknown = || {
        let message = format!("Unknown election type {}", request.election_type);
        (ErrorCode::InvalidRequest, message)
    };
    let mut results = Vec::new();
    let mut turns = Turns::of(context);
    for asked in request.topic_partitions.iter().flatten() {
        turns.take(1 + asked.partitions.len()).await;
        let topic = image.topic(TopicRef::Name(&asked.topic));
        let partitions = asked.partitions.iter().map(|index| {
            let (error_code, message) = if is_known {
                elect(
                    topic.as_deref(),
                    &asked.topic,
                    *index,
                    request.election_type,
                )
            } else {
                unknown()
            };
            PartitionResult {
                partition_id: *index,
                error_code,
                error_message: Some(Str::from(message)),
            }
        });
        results.push(ReplicaElectionResult {
            topic: asked.topic.clone(),
            partition_result: partitions.collect(),
        });
    }
    // Who asks for all is told of those that had an election: none, of every topic.
    if request.topic_partitions.is_none() && is_known {
        results = all(&image);
    }
    ElectLeadersResponse {
        error_code: if is_known {
            ErrorCode::None
        } else {
            unknown().0
        },
        replica_election_results: results,
        ..Default::default()
    }
}

fn all(image: &ClusterImage) -> Vec<ReplicaElectionResult> {
    let topics = image.topics().map(|topic| ReplicaElectionResult {
        topic: Str::from(&*topic.name),
        partition_result: Vec::new(),
    });
    topics.collect()
}

/// Why there is no election.
fn elect(topic: Option<&Topic>, name: &str, index: i32, election: i8) -> (ErrorCode, String) {
    let unknown = |message| (ErrorCode::UnknownTopicOrPartition, message);
    let Some(topic) = topic else {
        return unknown(format!("No such topic as {name}"));
    };
    let Some(partition) = topic.partition(index) else {
        return unknown(format!("No such partition as {name}-{index}"));
    };
    let is_led = partition.leader >= 0;
    let is_preferred = partition.replicas.first() == Some(&partition.leader);
    match election {
        PREFERRED if !is_preferred => (
            ErrorCode::PreferredLeaderNotAvailable,
            "The preferred leader was not available.".to_owned(),
        ),
        UNCLEAN if !is_led => (
            ErrorCode::EligibleLeadersNotAvailable,
            "Eligible topic partition leaders are not available.".to_owned(),
        ),
        _ => (
            ErrorCode::ElectionNotNeeded,
            "Leader election not needed for topic partition.".to_owned(),
        ),
    }
}
