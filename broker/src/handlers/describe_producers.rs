//! DescribeProducers (v0): the producers that partitions know, and where their open transactions
//! began (KIP-664): how a transaction that hangs is found.
//!
//! The timestamp of a producer is when it last appended, by the broker's clock: Kafka shows the
//! largest timestamp of its last batch, which the producer chooses.

use naru_wire::ErrorCode;
use naru_wire::api::describe_producers::{
    DescribeProducersRequest, DescribeProducersResponse, PartitionResponse, ProducerState,
    TopicResponse,
};

use super::dispatch::{Context, Turns};
use crate::cluster::TopicRef;
use crate::partition::{ActiveProducer, NO_EPOCH, PartitionId, owner};

pub async fn handle(
    context: &Context,
    request: DescribeProducersRequest,
) -> DescribeProducersResponse {
    let shard = &context.shard;
    let image = shard.image();
    let mut response = DescribeProducersResponse::default();
    let mut calls = Vec::new();
    let mut turns = Turns::of(context);
    for topic in &request.topics {
        let known = image.topic(TopicRef::Name(&topic.name));
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for &index in &topic.partition_indexes {
            turns.take(1).await;
            let known = known.as_ref().filter(|t| t.partition(index).is_some());
            if let Some(topic_id) = known.map(|topic| topic.id) {
                let id = PartitionId { topic_id, index };
                let target = owner(topic_id, index, shard.mesh.shards());
                let call = shard.mesh.call(shard, target, move |there| {
                    let found = there.leader(id, NO_EPOCH);
                    let found = found.map(|partition| partition.active_producers());
                    std::future::ready(found.map_err(|denial| denial.error_code))
                });
                calls.push((response.topics.len(), partitions.len(), call));
            }
            partitions.push(PartitionResponse {
                partition_index: index,
                error_code: ErrorCode::UnknownTopicOrPartition,
                ..Default::default()
            });
        }
        response.topics.push(TopicResponse {
            name: topic.name.clone(),
            partitions,
        });
    }
    for (topic, partition, call) in calls {
        let slot = &mut response.topics[topic].partitions[partition];
        match call.await {
            Ok(producers) => {
                turns.take(producers.len()).await;
                slot.error_code = ErrorCode::None;
                slot.active_producers = producers.iter().map(state).collect();
            }
            Err(code) => slot.error_code = code,
        }
    }
    response
}

fn state(producer: &ActiveProducer) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id,
        producer_epoch: producer.epoch.into(),
        last_sequence: producer.last_sequence,
        last_timestamp: producer.last_append_ms,
        // A producer without a marker is of no coordinator's epoch yet; Kafka shows -1, too.
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.open_from.unwrap_or(-1),
    }
}
