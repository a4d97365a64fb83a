//! OffsetFetch (v1–v9).

use naru_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchResponse, OffsetFetchResponseGroup,
    OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use naru_wire::{ErrorCode, Str};

use super::route::{code, on_coordinator, text};
use crate::group::{FetchedOffset, GroupError};
use crate::handlers::dispatch::Context;

/// Several groups are asked for at once from here on (KIP-709).
const BATCHES_SINCE: i16 = 8;
/// An error of the group has its own place from here on; before it is at each partition.
const GROUP_ERROR_SINCE: i16 = 2;

type Partitions = Vec<(String, Vec<i32>)>;

pub async fn handle(context: &Context, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if context.version() < BATCHES_SINCE {
        return single(context, &request).await;
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    for group in &request.groups {
        let wanted = group.topics.as_ref().map(|topics| {
            let topics = topics.iter();
            topics
                .map(|t| (text(&t.name), t.partition_indexes.clone()))
                .collect()
        });
        let (error_code, fetched) = match fetch(context, &group.group_id, wanted).await {
            Ok(fetched) => (ErrorCode::None, fetched),
            Err(error) => (code(error), Vec::new()),
        };
        groups.push(OffsetFetchResponseGroup {
            group_id: group.group_id.clone(),
            topics: by_topic(fetched)
                .into_iter()
                .map(|(name, partitions)| OffsetFetchResponseTopics {
                    name,
                    partitions: partitions.into_iter().map(partition).collect(),
                    ..Default::default()
                })
                .collect(),
            error_code,
        });
    }
    OffsetFetchResponse {
        groups,
        ..Default::default()
    }
}

/// One group, as it was asked for before version 8.
async fn single(context: &Context, request: &OffsetFetchRequest) -> OffsetFetchResponse {
    let wanted: Option<Partitions> = request.topics.as_ref().map(|topics| {
        let topics = topics.iter();
        topics
            .map(|t| (text(&t.name), t.partition_indexes.clone()))
            .collect()
    });
    let outcome = fetch(context, &request.group_id, wanted.clone()).await;
    let (error_code, fetched) = match outcome {
        Ok(fetched) => (ErrorCode::None, fetched),
        Err(error) => {
            let nothing = wanted
                .unwrap_or_default()
                .into_iter()
                .flat_map(|(topic, indexes)| {
                    indexes.into_iter().map(move |partition| FetchedOffset {
                        topic: topic.clone(),
                        partition,
                        committed: None,
                    })
                });
            (code(error), nothing.collect())
        }
    };
    let at_partitions = if context.version() < GROUP_ERROR_SINCE {
        error_code
    } else {
        ErrorCode::None
    };
    let topics = by_topic(fetched).into_iter().map(|(name, partitions)| {
        let partitions = partitions.into_iter().map(|fetched| {
            let same = partition(fetched);
            OffsetFetchResponsePartition {
                partition_index: same.partition_index,
                committed_offset: same.committed_offset,
                committed_leader_epoch: same.committed_leader_epoch,
                metadata: same.metadata,
                error_code: at_partitions,
            }
        });
        OffsetFetchResponseTopic {
            name,
            partitions: partitions.collect(),
        }
    });
    OffsetFetchResponse {
        topics: topics.collect(),
        error_code,
        ..Default::default()
    }
}

async fn fetch(
    context: &Context,
    group_id: &Str,
    wanted: Option<Partitions>,
) -> Result<Vec<FetchedOffset>, GroupError> {
    if group_id.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let id = text(group_id);
    on_coordinator(context, group_id, async move |_, slot| {
        slot.groups.borrow().fetch_offsets(&id, wanted.as_deref())
    })
    .await
}

fn by_topic(fetched: Vec<FetchedOffset>) -> Vec<(Str, Vec<FetchedOffset>)> {
    let mut topics: Vec<(Str, Vec<FetchedOffset>)> = Vec::new();
    for one in fetched {
        match topics.last_mut() {
            Some((name, partitions)) if **name == *one.topic => partitions.push(one),
            _ => topics.push((Str::from(&*one.topic), vec![one])),
        }
    }
    topics
}

fn partition(fetched: FetchedOffset) -> OffsetFetchResponsePartitions {
    let partition_index = fetched.partition;
    match fetched.committed {
        Some(committed) => OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: committed.offset,
            committed_leader_epoch: committed.leader_epoch,
            metadata: Some(Str::from(committed.metadata)),
            ..Default::default()
        },
        None => OffsetFetchResponsePartitions {
            partition_index,
            committed_offset: -1,
            committed_leader_epoch: -1,
            metadata: Some(Str::default()),
            ..Default::default()
        },
    }
}
