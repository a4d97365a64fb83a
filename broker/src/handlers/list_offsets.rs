//! ListOffsets (v1–v11): the offset at a time, at the start, at the end, or of the
//! largest timestamp (KIP-734).

use std::rc::Rc;

use naru_wire::ErrorCode;
use naru_wire::api::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

use super::dispatch::{Context, Turns};
use crate::cluster::TopicRef;
use crate::partition::{Isolation, Partition, PartitionId, owner};
use crate::shard::Shard;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
/// The earliest offset on local disk (KIP-405); there is no other disk.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in remote storage (KIP-1005), and the first not uploaded (KIP-1023).
const LATEST_TIERED: i64 = -5;
const EARLIEST_PENDING_UPLOAD: i64 = -6;

/// An offset and the timestamp that goes with it, as Kafka answers: -1 where there is none.
#[derive(Clone, Copy, Debug)]
struct Found {
    offset: i64,
    timestamp_ms: i64,
    leader_epoch: i32,
}

pub async fn handle(context: &Context, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let shard = &context.shard;
    let image = shard.image();
    let mut response = ListOffsetsResponse::default();
    let mut calls = Vec::new();
    let mut turns = Turns::of(context);
    let isolation = Isolation::from_level(request.isolation_level);
    for topic in &request.topics {
        let known = image.topic(TopicRef::Name(&topic.name));
        let mut answered = ListOffsetsTopicResponse {
            name: topic.name.clone(),
            ..Default::default()
        };
        for wanted in &topic.partitions {
            turns.take(1).await;
            let mut slot = ListOffsetsPartitionResponse {
                partition_index: wanted.partition_index,
                timestamp: -1,
                offset: -1,
                leader_epoch: -1,
                ..Default::default()
            };
            match known.as_ref().and_then(|t| {
                t.partition(wanted.partition_index).map(|_| PartitionId {
                    topic_id: t.id,
                    index: wanted.partition_index,
                })
            }) {
                None => slot.error_code = ErrorCode::UnknownTopicOrPartition,
                Some(id) => {
                    let target = owner(id.topic_id, id.index, shard.mesh.shards());
                    let wanted = wanted.clone();
                    let version = context.version();
                    let call = shard.mesh.call(shard, target, move |there| {
                        look_up(Rc::clone(there), id, wanted, version, isolation)
                    });
                    calls.push((response.topics.len(), answered.partitions.len(), call));
                }
            }
            answered.partitions.push(slot);
        }
        response.topics.push(answered);
    }
    for (topic, partition, call) in calls {
        turns.take(1).await;
        let slot = &mut response.topics[topic].partitions[partition];
        match call.await {
            Ok(found) => {
                slot.offset = found.offset;
                slot.timestamp = found.timestamp_ms;
                slot.leader_epoch = found.leader_epoch;
            }
            Err(code) => slot.error_code = code,
        }
    }
    response
}

async fn look_up(
    shard: Rc<Shard>,
    id: PartitionId,
    wanted: ListOffsetsPartition,
    version: i16,
    isolation: Isolation,
) -> Result<Found, ErrorCode> {
    let admitted = shard.leader(id, wanted.current_leader_epoch);
    let partition = admitted.map_err(|denial| denial.error_code)?;
    let leader_epoch = partition.standing().leader_epoch;
    let at = |offset| Found {
        offset,
        timestamp_ms: -1,
        leader_epoch,
    };
    let nothing = Found {
        leader_epoch: -1,
        ..at(-1)
    };
    match wanted.timestamp {
        LATEST => latest(&partition, isolation).await.map(at),
        EARLIEST => Ok(at(partition.start_offset())),
        EARLIEST_LOCAL if version >= 8 => Ok(at(partition.start_offset())),
        LATEST_TIERED if version >= 9 => Ok(nothing),
        EARLIEST_PENDING_UPLOAD if version >= 11 => Ok(nothing),
        MAX_TIMESTAMP if version >= 7 => {
            latest(&partition, isolation).await?;
            let found = partition.offset_of_max_timestamp(isolation).await;
            timed(
                leader_epoch,
                found.map_err(|_| ErrorCode::KafkaStorageError)?,
            )
        }
        timestamp_ms if timestamp_ms >= 0 => {
            latest(&partition, isolation).await?;
            let found = partition
                .offset_for_timestamp(timestamp_ms, isolation)
                .await;
            timed(
                leader_epoch,
                found.map_err(|_| ErrorCode::KafkaStorageError)?,
            )
        }
        _ => Err(ErrorCode::UnsupportedVersion),
    }
}

/// The end that a consumer can reach: after every write that was acknowledged before.
async fn latest(partition: &Partition, isolation: Isolation) -> Result<i64, ErrorCode> {
    let latest = partition.latest(isolation).await;
    latest.map_err(|_| ErrorCode::KafkaStorageError)
}

fn timed(leader_epoch: i32, found: Option<(i64, i64)>) -> Result<Found, ErrorCode> {
    Ok(match found {
        Some((offset, timestamp_ms)) => Found {
            offset,
            timestamp_ms,
            leader_epoch,
        },
        None => Found {
            offset: -1,
            timestamp_ms: -1,
            leader_epoch: -1,
        },
    })
}
