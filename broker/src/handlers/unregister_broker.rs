//! UnregisterBroker (v0, KIP-631): forgets a broker that does not come back, as one does whose data
//! another `node.id` has taken over.

use naru_wire::api::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};
use naru_wire::{ErrorCode, Str};

use super::dispatch::Context;
use super::topics::cluster_error_code;
use crate::cluster::Command;

pub async fn handle(
    context: &Context,
    request: UnregisterBrokerRequest,
) -> UnregisterBrokerResponse {
    let node_id = request.broker_id;
    let forgotten = if node_id == context.shard.config.node_id {
        let message = format!("Broker {node_id} is this one, and runs");
        Err((ErrorCode::InvalidRequest, message))
    } else {
        let command = Command::UnregisterBroker { node_id };
        let forgotten = context.shard.propose(command).await;
        forgotten.map_err(|error| (cluster_error_code(&error), error.to_string()))
    };
    let (error_code, message) = match forgotten {
        Ok(_) => (ErrorCode::None, None),
        Err((code, message)) => (code, Some(Str::from(message))),
    };
    UnregisterBrokerResponse {
        error_code,
        error_message: message,
        ..Default::default()
    }
}
