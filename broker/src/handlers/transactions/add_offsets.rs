//! AddOffsetsToTxn (v0–v4): the group's partition of `__consumer_offsets` becomes part of the
//! transaction.

use std::collections::BTreeSet;

use naru_wire::ErrorCode;
use naru_wire::api::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::route::{Refusal, add, code_for};
use crate::coordinator::OFFSETS_TOPIC;
use crate::group::partition_for;
use crate::handlers::create_topics::offsets_topic;
use crate::handlers::dispatch::Context;
use crate::transaction::{
    ProducerIdAndEpoch, TopicPartition, TransactionError, TransactionVersion,
};

/// Versions from here on know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;

pub async fn handle(context: &Context, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let error_code = match add_group(context, &request).await {
        Ok(()) => ErrorCode::None,
        Err(error) => code_for(error, context.version(), FENCED_SINCE),
    };
    AddOffsetsToTxnResponse {
        error_code,
        ..Default::default()
    }
}

async fn add_group(
    context: &Context,
    request: &AddOffsetsToTxnRequest,
) -> Result<(), TransactionError> {
    // Nobody may have used a group before.
    let topic = offsets_topic(&context.shard).await;
    let topic = topic.map_err(|_| TransactionError::CoordinatorNotAvailable)?;
    let partition = TopicPartition {
        topic: OFFSETS_TOPIC.to_owned(),
        index: partition_for(&request.group_id, topic.partitions.len() as i32),
    };
    let producer = ProducerIdAndEpoch {
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
    };
    let (id, partitions) = (&request.transactional_id, BTreeSet::from([partition]));
    let added = add(context, id, producer, partitions, TransactionVersion::V0).await;
    added.map_err(|refusal| match refusal {
        Refusal::Whole(error) => error,
        // The coordinator's shard is about to hear of it.
        Refusal::Unknown(_) => TransactionError::CoordinatorNotAvailable,
    })
}
