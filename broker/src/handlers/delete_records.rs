//! DeleteRecords (v0–v2, KIP-107): raises the offset at which partitions begin.

use std::rc::Rc;

use naru_wire::ErrorCode;
use naru_wire::api::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};

use super::dispatch::{Context, Turns};
use super::topics::log_error_code;
use crate::cluster::{Topic, TopicRef};
use crate::partition::{DeleteRecordsError, NO_EPOCH, PartitionId, owner};
use crate::shard::Shard;

/// `DeleteRecordsResponse.INVALID_LOW_WATERMARK`
const NO_LOW_WATERMARK: i64 = -1;

pub async fn handle(context: &Context, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let shard = &context.shard;
    let image = shard.image();
    let mut response = DeleteRecordsResponse::default();
    let mut calls = Vec::new();
    let mut turns = Turns::of(context);
    for topic in &request.topics {
        let known = image.topic(TopicRef::Name(&topic.name));
        let mut answered = DeleteRecordsTopicResult {
            name: topic.name.clone(),
            ..Default::default()
        };
        for wanted in &topic.partitions {
            turns.take(1).await;
            let mut slot = DeleteRecordsPartitionResult {
                partition_index: wanted.partition_index,
                low_watermark: NO_LOW_WATERMARK,
                ..Default::default()
            };
            match partition_of(known.as_deref(), wanted.partition_index) {
                Err(code) => slot.error_code = code,
                Ok(id) => {
                    let target = owner(id.topic_id, id.index, shard.mesh.shards());
                    let offset = wanted.offset;
                    let call = shard.mesh.call(shard, target, move |there| {
                        delete(Rc::clone(there), id, offset)
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
            Ok(low_watermark) => slot.low_watermark = low_watermark,
            Err(code) => slot.error_code = code,
        }
    }
    response
}

fn partition_of(topic: Option<&Topic>, index: i32) -> Result<PartitionId, ErrorCode> {
    let topic = topic.filter(|topic| topic.partition(index).is_some());
    let topic = topic.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if topic.is_internal() {
        return Err(ErrorCode::InvalidTopicException);
    }
    Ok(PartitionId {
        topic_id: topic.id,
        index,
    })
}

/// On the owner. Returns where the partition begins now.
async fn delete(shard: Rc<Shard>, id: PartitionId, offset: i64) -> Result<i64, ErrorCode> {
    let admitted = shard.leader(id, NO_EPOCH);
    let partition = admitted.map_err(|denial| denial.error_code)?;
    match partition.delete_records(offset).await {
        Ok(deleted) => {
            shard.remove_dropped(&partition, deleted.files);
            Ok(deleted.start_offset)
        }
        Err(error) => {
            if matches!(error, DeleteRecordsError::Log(_)) {
                tracing::warn!("{}-{}: {error}", partition.topic, id.index);
            }
            Err(error_code(&shard, id, &error))
        }
    }
}

fn error_code(shard: &Shard, id: PartitionId, error: &DeleteRecordsError) -> ErrorCode {
    match error {
        DeleteRecordsError::PolicyViolation => ErrorCode::PolicyViolation,
        DeleteRecordsError::OutOfRange { .. } => ErrorCode::OffsetOutOfRange,
        DeleteRecordsError::NotLeader(_) => ErrorCode::NotLeaderOrFollower,
        DeleteRecordsError::Log(error) => log_error_code(shard, id, error),
    }
}
