//! OffsetForLeaderEpoch (v2–v4, KIP-101, KIP-320): where leader epochs end.

use std::rc::Rc;
use std::sync::Arc;

use naru_wire::ErrorCode;
use naru_wire::api::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

use super::dispatch::{Context, Turns};
use crate::cluster::{Topic, TopicRef};
use crate::partition::{EpochEnd, PartitionId, owner};
use crate::shard::Shard;

pub async fn handle(
    context: &Context,
    request: OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let shard = &context.shard;
    let image = shard.image();
    let mut response = OffsetForLeaderEpochResponse::default();
    let mut calls = Vec::new();
    let mut turns = Turns::of(context);
    for topic in &request.topics {
        let known = image.topic(TopicRef::Name(&topic.topic));
        let mut answered = OffsetForLeaderTopicResult {
            topic: topic.topic.clone(),
            ..Default::default()
        };
        for wanted in &topic.partitions {
            turns.take(1).await;
            let mut slot = EpochEndOffset {
                partition: wanted.partition,
                ..Default::default()
            };
            let has_partition = |topic: &&Arc<Topic>| topic.partition(wanted.partition).is_some();
            match known.as_ref().filter(has_partition) {
                None => slot.error_code = ErrorCode::UnknownTopicOrPartition,
                Some(topic) => {
                    let id = PartitionId {
                        topic_id: topic.id,
                        index: wanted.partition,
                    };
                    let target = owner(id.topic_id, id.index, shard.mesh.shards());
                    let wanted = wanted.clone();
                    let call = shard.mesh.call(shard, target, move |there| {
                        std::future::ready(look_up(there, id, &wanted))
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
            Ok(Some(end)) => {
                slot.leader_epoch = end.leader_epoch;
                slot.end_offset = end.end_offset;
            }
            // An epoch that has not come: -1 and -1, without an error.
            Ok(None) => {}
            Err(code) => slot.error_code = code,
        }
    }
    response
}

fn look_up(
    shard: &Rc<Shard>,
    id: PartitionId,
    wanted: &OffsetForLeaderPartition,
) -> Result<Option<EpochEnd>, ErrorCode> {
    let admitted = shard.leader(id, wanted.current_leader_epoch);
    let partition = admitted.map_err(|denial| denial.error_code)?;
    Ok(partition.end_of_epoch(wanted.leader_epoch))
}
