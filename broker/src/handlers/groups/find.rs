//! FindCoordinator (v0–v6): who coordinates a group. The first who asks makes
//! `__consumer_offsets`.

use naru_wire::api::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use naru_wire::{ErrorCode, Str};

use crate::cluster::TopicRef;
use crate::coordinator::OFFSETS_TOPIC;
use crate::handlers::create_topics::create_offsets_topic;
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
    match key_type {
        GROUP => {}
        TRANSACTION => {
            // Of all errors, this is the one that every client takes as final: to any that could
            // pass, they ask again until a deadline of their own.
            let message = "transactions are not served yet";
            return Err((ErrorCode::TransactionalIdAuthorizationFailed, message));
        }
        _ => return Err((ErrorCode::InvalidRequest, "no such type of coordinator")),
    }
    let shard = &context.shard;
    if shard.image().topic(TopicRef::Name(OFFSETS_TOPIC)).is_none() {
        let created = create_offsets_topic(shard).await;
        created.map_err(|code| (code, "__consumer_offsets cannot be created"))?;
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
