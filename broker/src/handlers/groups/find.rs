//! FindCoordinator (v0–v6): who coordinates a group, or a transactional id. The first who asks
//! makes `__consumer_offsets`, or `__transaction_state`.

use naru_wire::api::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use naru_wire::{ErrorCode, Str};

use crate::handlers::create_topics::{offsets_topic, transactions_topic};
use crate::handlers::dispatch::Context;
use crate::handlers::topics::advertised_brokers;

const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;

/// Versions from here on ask for several keys at once (KIP-699).
const BATCHES_SINCE: i16 = 4;

pub async fn handle(context: &Context, request: FindCoordinatorRequest) -> FindCoordinatorResponse {
    if context.version() >= BATCHES_SINCE {
        let mut coordinators = Vec::with_capacity(request.coordinator_keys.len());
        for key in &request.coordinator_keys {
            coordinators.push(find(context, key, request.key_type).await);
        }
        return FindCoordinatorResponse {
            coordinators,
            ..Default::default()
        };
    }
    let found = find(context, &request.key, request.key_type).await;
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..Default::default()
    }
}

async fn find(context: &Context, key: &Str, key_type: i8) -> Coordinator {
    match find_broker(context, key_type).await {
        Ok(broker) => Coordinator {
            key: key.clone(),
            error_message: None,
            ..broker
        },
        Err((error_code, message)) => Coordinator {
            key: key.clone(),
            node_id: -1,
            port: -1,
            error_code,
            error_message: Some(Str::from(message)),
            ..Default::default()
        },
    }
}

async fn find_broker(
    context: &Context,
    key_type: i8,
) -> Result<Coordinator, (ErrorCode, &'static str)> {
    let shard = &context.shard;
    match key_type {
        GROUP => {
            let topic = offsets_topic(shard).await;
            topic.map_err(|code| (code, "__consumer_offsets cannot be created"))?;
        }
        TRANSACTION => {
            let topic = transactions_topic(shard).await;
            topic.map_err(|code| (code, "__transaction_state cannot be created"))?;
        }
        _ => return Err((ErrorCode::InvalidRequest, "no such type of coordinator")),
    }
    let brokers = advertised_brokers(&shard.image(), &context.listener_name());
    let own = brokers
        .into_iter()
        .find(|b| b.node_id == shard.config.node_id);
    let own = own.ok_or((
        ErrorCode::CoordinatorNotAvailable,
        "the coordinator does not listen where the request came in",
    ))?;
    Ok(Coordinator {
        node_id: own.node_id,
        host: own.host,
        port: own.port,
        ..Default::default()
    })
}
