//! SyncGroup (v0–v5).

use naru_runtime::sync::oneshot;
use naru_wire::ErrorCode;
use naru_wire::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::route::{carry_out, code, on_coordinator, optional_str, optional_text, text};
use crate::coordinator::Reply;
use crate::group::{GroupError, SyncRequest};
use crate::handlers::dispatch::Context;

pub async fn handle(context: &Context, request: SyncGroupRequest) -> SyncGroupResponse {
    let group_id = text(&request.group_id);
    let sync = SyncRequest {
        group_id: group_id.clone(),
        generation: request.generation_id,
        member_id: text(&request.member_id),
        instance_id: optional_text(&request.group_instance_id),
        protocol_type: optional_text(&request.protocol_type),
        protocol: optional_text(&request.protocol_name),
        assignments: request
            .assignments
            .iter()
            .map(|a| {
                (
                    text(&a.member_id),
                    bytes::Bytes::copy_from_slice(&a.assignment),
                )
            })
            .collect(),
    };
    drop(request);
    let synced = on_coordinator(context, &group_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let now = shard.coordinators.now();
        let effects = slot.groups.borrow_mut().sync(now, sync, Reply::Sync(reply));
        carry_out(&shard, slot, effects);
        answer.await
    });
    let refuse = |error| SyncGroupResponse {
        error_code: code(error),
        ..Default::default()
    };
    let Some(synced) = context.peer.hangup.unless_gone(synced).await else {
        return refuse(GroupError::RebalanceInProgress);
    };
    match synced {
        Ok(Some(response)) => SyncGroupResponse {
            error_code: response.error.map_or(ErrorCode::None, code),
            protocol_type: optional_str(response.protocol_type),
            protocol_name: optional_str(response.protocol),
            assignment: response.assignment,
            ..Default::default()
        },
        Ok(None) => refuse(GroupError::NotCoordinator),
        Err(error) => refuse(error),
    }
}
