//! Fetch (v4–v18): record batches from the log, as they lie there.
//!
//! A round reads what there is; if that is less than `min.bytes`, the fetch waits for more
//! and reads again. Bytes of a batch are never parsed on the way to a consumer.

mod read;
mod wait;

use std::time::{Duration, Instant};

use naru_wire::api::fetch::{
    FetchRequest, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
};
use naru_wire::{ErrorCode, Records, Str};
use uuid::Uuid;

use self::read::{Found, Wanted, by_owner, read_all};
use super::dispatch::Context;
use crate::cluster::TopicRef;
use crate::net::Reply;
use crate::partition::PartitionId;

/// Fetch versions from here on name topics by their id (KIP-516).
const TOPIC_IDS_SINCE: i16 = 13;

/// The most that one answer carries beyond its first batch, in bytes: a client asks for up
/// to 50 MB at once by default, and is served as fast in smaller pieces.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// A partition of the request: where it stands in the answer, and what is to be read.
struct Asked {
    topic: Str,
    topic_id: Uuid,
    index: i32,
    wanted: Result<Wanted, ErrorCode>,
}

pub async fn handle(context: &Context, request: FetchRequest) -> Reply {
    let shard = &context.shard;
    let asked = resolve(context, &request);
    let wanted: Vec<Option<Wanted>> = asked.iter().map(|one| one.wanted.ok()).collect();
    let owners = by_owner(&wanted, shard.mesh.shards());
    let bytes_max = (request.max_bytes.max(0) as usize)
        .min(shard.config.limits.fetch_bytes_max as usize)
        .min(ANSWER_BYTES_MAX);
    let bytes_min = (request.min_bytes.max(0) as usize).min(bytes_max.max(1));
    let wait_max = Duration::from_millis(request.max_wait_ms.max(0) as u64);
    let deadline = Instant::now() + wait_max;

    let is_refused = asked.iter().any(|one| one.wanted.is_err());
    let mut found = read_all(shard, &owners, wanted.len(), bytes_max).await;
    loop {
        let bytes: usize = found.iter().flatten().map(Found::records_bytes).sum();
        let is_due = is_refused
            || bytes >= bytes_min
            || found
                .iter()
                .flatten()
                .any(|f| f.error_code != ErrorCode::None)
            || owners.is_empty()
            || shard.connections.is_draining();
        if is_due || Instant::now() >= deadline {
            break;
        }
        wait::wait(shard, &owners, bytes_min as u64, deadline).await;
        found = read_all(shard, &owners, wanted.len(), bytes_max).await;
    }
    let held: usize = found.iter().flatten().map(Found::records_bytes).sum();
    let memory = shard.memory.reserve(&shard.io, held).await;
    let reply = context.encode(&answer(context, asked, found));
    reply.holding(memory)
}

fn resolve(context: &Context, request: &FetchRequest) -> Vec<Asked> {
    let image = context.shard.image();
    let by_id = context.version() >= TOPIC_IDS_SINCE;
    let mut asked = Vec::new();
    for topic in &request.topics {
        let known = if by_id {
            image.topic(TopicRef::Id(topic.topic_id))
        } else {
            image.topic(TopicRef::Name(&topic.topic))
        };
        for partition in &topic.partitions {
            let wanted = match &known {
                None if by_id => Err(ErrorCode::UnknownTopicId),
                None => Err(ErrorCode::UnknownTopicOrPartition),
                Some(known) if known.partition(partition.partition).is_none() => {
                    Err(ErrorCode::UnknownTopicOrPartition)
                }
                Some(known) => Ok(Wanted {
                    id: PartitionId {
                        topic_id: known.id,
                        index: partition.partition,
                    },
                    fetch_offset: partition.fetch_offset,
                    bytes_max: partition.partition_max_bytes.max(0) as usize,
                    current_leader_epoch: partition.current_leader_epoch,
                }),
            };
            asked.push(Asked {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                index: partition.partition,
                wanted,
            });
        }
    }
    asked
}

fn answer(context: &Context, asked: Vec<Asked>, found: Vec<Option<Found>>) -> FetchResponse {
    let node_id = context.shard.config.node_id;
    let mut responses: Vec<FetchableTopicResponse> = Vec::new();
    for (asked, found) in asked.into_iter().zip(found) {
        let found = found.unwrap_or_else(|| {
            Found::error(asked.wanted.err().unwrap_or(ErrorCode::UnknownServerError))
        });
        let data = partition_data(asked.index, found, node_id);
        match responses.last_mut() {
            Some(last) if last.topic == asked.topic && last.topic_id == asked.topic_id => {
                last.partitions.push(data);
            }
            _ => responses.push(FetchableTopicResponse {
                topic: asked.topic,
                topic_id: asked.topic_id,
                partitions: vec![data],
            }),
        }
    }
    FetchResponse {
        responses,
        ..Default::default()
    }
}

fn partition_data(partition_index: i32, found: Found, node_id: i32) -> PartitionData {
    let is_epoch_error = matches!(
        found.error_code,
        ErrorCode::FencedLeaderEpoch | ErrorCode::UnknownLeaderEpoch
    );
    PartitionData {
        partition_index,
        error_code: found.error_code,
        high_watermark: found.high_watermark,
        last_stable_offset: found.high_watermark,
        log_start_offset: found.log_start_offset,
        current_leader: if is_epoch_error {
            LeaderIdAndEpoch {
                leader_id: node_id,
                leader_epoch: found.leader_epoch,
            }
        } else {
            LeaderIdAndEpoch::default()
        },
        aborted_transactions: None,
        records: Some(Records::from(found.records)),
        ..Default::default()
    }
}
