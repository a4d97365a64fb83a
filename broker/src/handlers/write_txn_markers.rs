//! WriteTxnMarkers (v1–v2): the end of transactions in partitions, asked for by whoever aborts one
//! that hangs (`kafka-transactions abort`, KIP-664). The coordinators of this broker write
//! theirs without it.
//!
//! The coordinator of the transaction is not told, as in Kafka: a producer that is alive after
//! all may go on with it.

use naru_wire::ErrorCode;
use naru_wire::api::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};

use super::dispatch::{Context, Turns};
use crate::cluster::TopicRef;
use crate::partition::{
    AckError, Marker, MarkerError, MarkerRefusal, PartitionId, TransactionResult, owner,
};

pub async fn handle(context: &Context, request: WriteTxnMarkersRequest) -> WriteTxnMarkersResponse {
    let shard = &context.shard;
    let image = shard.image();
    // No batch can say a negative id or epoch: Kafka fails the whole request.
    let is_possible = |one: &WritableTxnMarker| one.producer_id >= 0 && one.producer_epoch >= 0;
    let is_served = request.markers.iter().all(is_possible);
    let refusal = match is_served {
        true => ErrorCode::UnknownTopicOrPartition,
        false => ErrorCode::UnknownServerError,
    };
    let mut response = WriteTxnMarkersResponse::default();
    let mut calls = Vec::new();
    let mut turns = Turns::of(context);
    for wanted in &request.markers {
        let marker = Marker {
            producer_id: wanted.producer_id,
            producer_epoch: wanted.producer_epoch,
            coordinator_epoch: wanted.coordinator_epoch,
            result: match wanted.transaction_result {
                true => TransactionResult::Commit,
                false => TransactionResult::Abort,
            },
            transaction_version: wanted.transaction_version,
        };
        let mut topics = Vec::with_capacity(wanted.topics.len());
        for topic in &wanted.topics {
            let known = image.topic(TopicRef::Name(&topic.name));
            let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
            for &index in &topic.partition_indexes {
                turns.take(1).await;
                let place = (response.markers.len(), topics.len(), partitions.len());
                let known = known.as_ref().filter(|t| t.partition(index).is_some());
                let known = known.filter(|_| is_served);
                if let Some(topic_id) = known.map(|topic| topic.id) {
                    let id = PartitionId { topic_id, index };
                    let target = owner(topic_id, index, shard.mesh.shards());
                    let call = shard.mesh.call(shard, target, move |there| {
                        let written = there.write_marker(id, marker);
                        async move { written.await.map_err(|error| error_code(&error)) }
                    });
                    calls.push((place, call));
                }
                partitions.push(WritableTxnMarkerPartitionResult {
                    partition_index: index,
                    error_code: refusal,
                });
            }
            topics.push(WritableTxnMarkerTopicResult {
                name: topic.name.clone(),
                partitions,
            });
        }
        response.markers.push(WritableTxnMarkerResult {
            producer_id: wanted.producer_id,
            topics,
        });
    }
    for ((marker, topic, partition), call) in calls {
        turns.take(1).await;
        let slot = &mut response.markers[marker].topics[topic].partitions[partition];
        slot.error_code = call.await.err().unwrap_or(ErrorCode::None);
    }
    response
}

fn error_code(error: &MarkerError) -> ErrorCode {
    match error {
        MarkerError::Denied(denial) => denial.error_code,
        MarkerError::NotLeader | MarkerError::Unacknowledged(AckError::NotLeader) => {
            ErrorCode::NotLeaderOrFollower
        }
        MarkerError::Refused(MarkerRefusal::InvalidProducerEpoch { .. }) => {
            ErrorCode::InvalidProducerEpoch
        }
        MarkerError::Refused(MarkerRefusal::CoordinatorFenced { .. }) => {
            ErrorCode::TransactionCoordinatorFenced
        }
        MarkerError::Unacknowledged(AckError::TimedOut) => ErrorCode::RequestTimedOut,
        MarkerError::Log(_) | MarkerError::Unacknowledged(AckError::Log(_)) => {
            ErrorCode::KafkaStorageError
        }
    }
}
