//! DescribeTopicPartitions (v0, KIP-966): partitions of topics, page by page.
//!
//! Topics come in the order of their names. One replica has no others that could be elected: the
//! lists of eligible leaders are empty, and not null, which a client may not take.

use std::collections::BTreeSet;
use std::sync::Arc;

use naru_wire::api::describe_topic_partitions::{
    Cursor, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse,
    DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use super::topics::{TOPIC_OPERATIONS, topic_error};
use crate::cluster::{ClusterImage, Topic, TopicRef};

/// Partitions of an answer (Kafka's `max.request.partition.size.limit`).
const PARTITIONS_MAX: usize = 2000;

/// A topic, or the name of one that there is not.
type Found<'a> = Result<Arc<Topic>, (&'a str, ErrorCode)>;

pub async fn handle(
    context: &Context,
    request: DescribeTopicPartitionsRequest,
) -> DescribeTopicPartitionsResponse {
    let (first, from) = match &request.cursor {
        None => ("", 0),
        Some(cursor) => match usize::try_from(cursor.partition_index) {
            Ok(from) if is_asked(&request, &cursor.topic_name) => (&*cursor.topic_name, from),
            _ => return refused(&request),
        },
    };
    let limit = usize::try_from(request.response_partition_limit).unwrap_or(0);
    let mut page = Page {
        left: limit.clamp(1, PARTITIONS_MAX),
        ..Page::default()
    };
    let mut turns = Turns::of(context);
    for found in found(&context.shard.image(), &request, first) {
        let is_first = match &found {
            Ok(topic) => *topic.name == *first,
            Err((name, _)) => *name == first,
        };
        if !page.take(found, if is_first { from } else { 0 }) {
            break;
        }
        let lines = page.topics.last().map_or(0, |topic| topic.partitions.len());
        turns.take(1 + lines).await;
    }
    DescribeTopicPartitionsResponse {
        topics: page.topics,
        next_cursor: page.next_cursor,
        ..Default::default()
    }
}

/// None asks for all topics.
fn is_asked(request: &DescribeTopicPartitionsRequest, name: &str) -> bool {
    request.topics.is_empty() || request.topics.iter().any(|topic| *topic.name == *name)
}

/// The topics that are asked for, in the order of their names, from that one on.
fn found<'a>(
    image: &ClusterImage,
    request: &'a DescribeTopicPartitionsRequest,
    first: &str,
) -> Vec<Found<'a>> {
    if request.topics.is_empty() {
        let rest = image.topics().filter(|topic| *topic.name >= *first);
        // Each has a partition, and one more says where to go on.
        return rest.take(PARTITIONS_MAX + 1).cloned().map(Ok).collect();
    }
    let names = request.topics.iter().map(|topic| &*topic.name);
    let names: BTreeSet<&str> = names.filter(|name| *name >= first).collect();
    let topic = |name| match image.topic(TopicRef::Name(name)) {
        Some(topic) => Ok(topic),
        None => Err((name, topic_error(name))),
    };
    names.into_iter().map(topic).collect()
}

/// A cursor that belongs to another question.
fn refused(request: &DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let topics = request.topics.iter();
    DescribeTopicPartitionsResponse {
        topics: topics
            .map(|topic| DescribeTopicPartitionsResponseTopic {
                error_code: ErrorCode::InvalidRequest,
                name: Some(topic.name.clone()),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

/// What is gathered for an answer.
#[derive(Default)]
struct Page {
    /// Partitions that there is still room for.
    left: usize,
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next_cursor: Option<Cursor>,
}

impl Page {
    /// Takes a topic's partitions from that index on; false when the page is full, and then the
    /// cursor says where the next one begins.
    fn take(&mut self, found: Found<'_>, from: usize) -> bool {
        let go_on_at = |name: &str, index: usize| Cursor {
            topic_name: name.into(),
            partition_index: index as i32,
        };
        let topic = match found {
            Ok(topic) => topic,
            Err((name, error_code)) => {
                self.topics.push(DescribeTopicPartitionsResponseTopic {
                    error_code,
                    name: Some(name.into()),
                    topic_authorized_operations: TOPIC_OPERATIONS,
                    ..Default::default()
                });
                return true;
            }
        };
        if self.left == 0 {
            self.next_cursor = Some(go_on_at(&topic.name, 0));
            return false;
        }
        let partitions = topic.partitions.iter().enumerate().skip(from);
        let partitions: Vec<_> = partitions
            .take(self.left)
            .map(
                |(index, partition)| DescribeTopicPartitionsResponsePartition {
                    error_code: ErrorCode::None,
                    partition_index: index as i32,
                    leader_id: partition.leader,
                    leader_epoch: partition.leader_epoch,
                    replica_nodes: partition.replicas.clone(),
                    isr_nodes: partition.isr.clone(),
                    eligible_leader_replicas: Some(Vec::new()),
                    last_known_elr: Some(Vec::new()),
                    offline_replicas: Vec::new(),
                },
            )
            .collect();
        self.left -= partitions.len();
        let end = from + partitions.len();
        let is_whole = end >= topic.partitions.len();
        if !is_whole {
            self.next_cursor = Some(go_on_at(&topic.name, end));
        }
        self.topics.push(DescribeTopicPartitionsResponseTopic {
            name: Some(Str::from(&*topic.name)),
            topic_id: topic.id,
            is_internal: topic.is_internal(),
            partitions,
            topic_authorized_operations: TOPIC_OPERATIONS,
            ..Default::default()
        });
        is_whole
    }
}
