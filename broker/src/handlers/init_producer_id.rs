//! InitProducerId (KIP-98, KIP-360, v0–v5): a producer's id for idempotence.

use naru_wire::ErrorCode;
use naru_wire::api::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::dispatch::Context;
use super::topics::cluster_error_code;

pub async fn handle(context: &Context, request: InitProducerIdRequest) -> InitProducerIdResponse {
    let refuse = |error_code| InitProducerIdResponse {
        error_code,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    match &request.transactional_id {
        // No coordinator for transactions is served; FindCoordinator says the same.
        Some(id) if !id.is_empty() => return refuse(ErrorCode::TransactionalIdAuthorizationFailed),
        Some(_) => return refuse(ErrorCode::InvalidRequest),
        None => {}
    }
    // An idempotent producer that lost its place asks for the next epoch (KIP-360); Kafka
    // gives it a new id, which serves as well.
    match context.shard.next_producer_id().await {
        Ok(producer_id) => InitProducerIdResponse {
            producer_id,
            producer_epoch: 0,
            ..Default::default()
        },
        Err(error) => refuse(cluster_error_code(&error)),
    }
}
