//! OffsetFetch (v1–v10).

use naru_runtime::sync::oneshot;
use naru_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use naru_wire::{ErrorCode, Str};
use uuid::Uuid;

use super::named::named;
use super::route::{carry_out, code, on_coordinator, optional_text, text};
use crate::cluster::TopicRef;
use crate::coordinator::Reply;
use crate::group::{CommittedOffset, FetchedOffset, GroupError, PartitionsOfTopic};
use crate::handlers::dispatch::{Context, Turns};

/// Topics are named by their ids from here on.
const TOPIC_IDS_SINCE: i16 = 10;
/// Several groups are asked for at once from here on (KIP-709).
const BATCHES_SINCE: i16 = 8;
/// An error of the group has its own place from here on; before it is at each partition.
const GROUP_ERROR_SINCE: i16 = 2;

pub async fn handle(context: &Context, request: OffsetFetchRequest) -> OffsetFetchResponse {
    if context.version() < BATCHES_SINCE {
        return single(context, request).await;
    }
    let mut groups = Vec::with_capacity(request.groups.len());
    let mut turns = Turns::of(context);
    for group in request.groups {
        let answered = of_group(context, group, request.require_stable).await;
        let lines = answered.topics.iter().map(|topic| topic.partitions.len());
        turns.take(1 + lines.sum::<usize>()).await;
        groups.push(answered);
    }
    OffsetFetchResponse {
        groups,
        ..Default::default()
    }
}

async fn of_group(
    context: &Context,
    group: OffsetFetchRequestGroup,
    requires_stable: bool,
) -> OffsetFetchResponseGroup {
    let has_ids = context.version() >= TOPIC_IDS_SINCE;
    let image = context.shard.image();
    let mut unknown = Vec::new();
    let wanted = group.topics.map(|topics| {
        let mut wanted = Vec::with_capacity(topics.len());
        for topic in topics {
            let name = if has_ids {
                match named(&image, true, &topic.name, topic.topic_id) {
                    Ok(known) => known.name,
                    Err(error) => {
                        let partitions = topic.partition_indexes.into_iter();
                        unknown.push(OffsetFetchResponseTopics {
                            topic_id: topic.topic_id,
                            partitions: partitions.map(|index| refused(index, error)).collect(),
                            ..Default::default()
                        });
                        continue;
                    }
                }
            } else {
                text(&topic.name)
            };
            wanted.push(PartitionsOfTopic {
                topic: name,
                topic_id: topic.topic_id,
                partitions: topic.partition_indexes,
            });
        }
        wanted
    });
    // Members say who they are from v9 on (KIP-848).
    let member = (optional_text(&group.member_id), group.member_epoch);
    let fetched = fetch(context, &group.group_id, member, wanted, requires_stable).await;
    let (error_code, fetched) = match fetched {
        Ok(fetched) => (ErrorCode::None, fetched),
        Err(error) => (code(error), Vec::new()),
    };
    let mut topics = Vec::new();
    for (name, partitions) in by_topic(fetched) {
        // Whoever goes by ids is told of topics that have one.
        let known = has_ids.then(|| image.topic(TopicRef::Name(&name)));
        let topic_id = match known {
            None => Uuid::nil(),
            Some(Some(topic)) => topic.id,
            Some(None) => continue,
        };
        topics.push(OffsetFetchResponseTopics {
            name,
            topic_id,
            partitions: partitions.into_iter().map(partition).collect(),
        });
    }
    if error_code == ErrorCode::None {
        topics.extend(unknown);
    }
    OffsetFetchResponseGroup {
        group_id: group.group_id,
        topics,
        error_code,
    }
}

/// One group, as it was asked for before version 8.
async fn single(context: &Context, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let wanted = request.topics.map(|topics| {
        let topics = topics.into_iter();
        topics.map(by_name).collect::<Vec<_>>()
    });
    let requires_stable = request.require_stable;
    let group_id = &request.group_id;
    let nobody = (None, -1);
    let outcome = fetch(context, group_id, nobody, wanted.clone(), requires_stable).await;
    let (error_code, fetched) = match outcome {
        Ok(fetched) => (ErrorCode::None, fetched),
        Err(error) => (code(error), nothing(wanted.unwrap_or_default())),
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
                error_code: match same.error_code {
                    ErrorCode::None => at_partitions,
                    error => error,
                },
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

fn by_name(topic: OffsetFetchRequestTopic) -> PartitionsOfTopic {
    PartitionsOfTopic {
        topic: text(&topic.name),
        topic_id: Uuid::nil(),
        partitions: topic.partition_indexes,
    }
}

fn nothing(wanted: Vec<PartitionsOfTopic>) -> Vec<FetchedOffset> {
    let fetched = wanted.into_iter().flat_map(|topic| {
        let name = topic.topic;
        let partitions = topic.partitions.into_iter();
        partitions.map(move |partition| FetchedOffset {
            topic: name.clone(),
            partition,
            committed: None,
            is_unstable: false,
        })
    });
    fetched.collect()
}

async fn fetch(
    context: &Context,
    group_id: &Str,
    (member_id, member_epoch): (Option<String>, i32),
    wanted: Option<Vec<PartitionsOfTopic>>,
    requires_stable: bool,
) -> Result<Vec<FetchedOffset>, GroupError> {
    if group_id.is_empty() {
        return Err(GroupError::InvalidGroupId);
    }
    let id = text(group_id);
    let fetched = on_coordinator(context, group_id, async move |shard, slot| {
        let allowed =
            slot.groups
                .borrow()
                .may_fetch_offsets(&id, member_id.as_deref(), member_epoch);
        allowed?;
        if !requires_stable {
            return Ok(slot.groups.borrow().fetch_offsets(&id, wanted.as_deref()));
        }
        let (reply, answer) = oneshot();
        let reply = Reply::Fetch(reply);
        let effects = slot
            .groups
            .borrow_mut()
            .fetch_stable_offsets(id, wanted, reply);
        carry_out(&shard, slot, effects);
        answer.await.ok_or(GroupError::NotCoordinator)
    });
    fetched.await?
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
    match fetched.committed {
        Some(CommittedOffset {
            offset,
            leader_epoch,
            metadata,
            ..
        }) => OffsetFetchResponsePartitions {
            partition_index: fetched.partition,
            committed_offset: offset,
            committed_leader_epoch: leader_epoch,
            metadata: Some(Str::from(metadata)),
            ..Default::default()
        },
        None if fetched.is_unstable => refused(fetched.partition, ErrorCode::UnstableOffsetCommit),
        None => refused(fetched.partition, ErrorCode::None),
    }
}

/// No offset, and why.
fn refused(partition_index: i32, error_code: ErrorCode) -> OffsetFetchResponsePartitions {
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: -1,
        committed_leader_epoch: -1,
        metadata: Some(Str::default()),
        error_code,
    }
}
