//! InitProducerId (KIP-98, KIP-360, v0–v5): a producer's id for idempotence and transactions.

use naru_wire::ErrorCode;
use naru_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::dispatch::Context;
use super::topics::cluster_error_code;
use super::transactions::init_transactional_producer;
use crate::transaction::ProducerIdAndEpoch;

pub async fn handle(context: &Context, request: InitProducerIdRequest) -> InitProducerIdResponse {
    match init(context, &request).await {
        Ok(producer) => InitProducerIdResponse {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            ..Default::default()
        },
        Err(error_code) => InitProducerIdResponse {
            error_code,
            producer_id: -1,
            producer_epoch: -1,
            ..Default::default()
        },
    }
}

async fn init(
    context: &Context,
    request: &InitProducerIdRequest,
) -> Result<ProducerIdAndEpoch, ErrorCode> {
    if (request.producer_id >= 0) != (request.producer_epoch >= 0) {
        return Err(ErrorCode::InvalidRequest);
    }
    if let Some(id) = &request.transactional_id {
        return init_transactional_producer(context, id, request).await;
    }
    // An idempotent producer that lost its place asks for the next epoch (KIP-360); Kafka
    // gives it a new id, which serves as well.
    let producer_id = context.shard.next_producer_id().await;
    Ok(ProducerIdAndEpoch {
        producer_id: producer_id.map_err(|error| cluster_error_code(&error))?,
        producer_epoch: 0,
    })
}
