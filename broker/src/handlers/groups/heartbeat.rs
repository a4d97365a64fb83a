//! Heartbeat (v0–v4).

use naru_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};

use super::route::{code_of, on_coordinator, optional_text, text};
use crate::group;
use crate::handlers::dispatch::Context;

pub async fn handle(context: &Context, request: HeartbeatRequest) -> HeartbeatResponse {
    let beat = group::HeartbeatRequest {
        group_id: text(&request.group_id),
        generation: request.generation_id,
        member_id: text(&request.member_id),
        instance_id: optional_text(&request.group_instance_id),
    };
    let outcome = on_coordinator(context, &request.group_id, async move |shard, slot| {
        slot.groups
            .borrow_mut()
            .heartbeat(shard.coordinators.now(), &beat)
    });
    HeartbeatResponse {
        error_code: code_of(outcome.await.and_then(|outcome| outcome)),
        ..Default::default()
    }
}
