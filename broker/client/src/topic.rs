//! [`Topic`]: who leads its partitions, as the cluster's metadata shows it.

use naru_wire::api::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use naru_wire::{ErrorCode, Str};

use crate::KafkaError;

/// A topic, and the node that leads each of its partitions (the index is the partition's number).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: Str,
    pub leaders: Vec<i32>,
}

/// Asks for these topics, or for all of them. Never makes one.
pub(crate) fn request(names: Option<&[Str]>) -> MetadataRequest {
    let topics = names.map(|names| {
        let topics = names.iter().map(|name| MetadataRequestTopic {
            name: Some(name.clone()),
            ..Default::default()
        });
        topics.collect()
    });
    MetadataRequest {
        topics,
        allow_auto_topic_creation: false,
        ..Default::default()
    }
}

/// The topics of these names, in their order.
///
/// # Errors
/// When one is missing, or a partition has no leader (which passes when it was just made).
pub fn topics_of(response: &MetadataResponse, names: &[Str]) -> Result<Vec<Topic>, KafkaError> {
    let is_node = |id: i32| response.brokers.iter().any(|broker| broker.node_id == id);
    let found = names.iter().map(|name| {
        let what = || format!("metadata of topic {name}");
        let topic = response
            .topics
            .iter()
            .find(|topic| topic.name.as_ref() == Some(name));
        let code = topic.map_or(ErrorCode::UnknownTopicOrPartition, |topic| topic.error_code);
        KafkaError::check(code, what, None)?;
        let mut partitions: Vec<(i32, i32)> = topic
            .into_iter()
            .flat_map(|topic| &topic.partitions)
            .map(|partition| (partition.partition_index, partition.leader_id))
            .collect();
        partitions.sort_unstable();
        if partitions.iter().any(|(_, leader)| !is_node(*leader)) {
            KafkaError::check(ErrorCode::LeaderNotAvailable, what, None)?;
        }
        Ok(Topic {
            name: name.clone(),
            leaders: partitions.into_iter().map(|(_, leader)| leader).collect(),
        })
    });
    found.collect()
}
