//! JoinGroup (v0–v9).

use naru_runtime::sync::oneshot;
use naru_wire::api::join_group::{JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember};
use naru_wire::{ErrorCode, Str};

use super::route::{carry_out, code, on_coordinator, optional_str, optional_text, text};
use crate::coordinator::Reply;
use crate::group::{GroupError, JoinRequest, JoinResponse};
use crate::handlers::dispatch::Context;

/// A member must come with an id from here on (KIP-394).
const MEMBER_IDS_SINCE: i16 = 4;
/// A leader may be told to assign nothing (KIP-814).
const SKIPPING_SINCE: i16 = 9;
/// No protocol is null rather than empty from here on.
const NULL_PROTOCOL_SINCE: i16 = 7;

pub async fn handle(context: &Context, request: JoinGroupRequest) -> JoinGroupResponse {
    let version = context.version();
    let group_id = text(&request.group_id);
    let member_id = request.member_id.clone();
    let join = JoinRequest {
        group_id: group_id.clone(),
        member_id: text(&request.member_id),
        instance_id: optional_text(&request.group_instance_id),
        client_id: context.client_id().to_owned(),
        client_host: context.client_host(),
        session_timeout_ms: request.session_timeout_ms,
        // Before version 1 there was one timeout for both.
        rebalance_timeout_ms: if version >= 1 {
            request.rebalance_timeout_ms
        } else {
            request.session_timeout_ms
        },
        protocol_type: text(&request.protocol_type),
        protocols: request
            .protocols
            .iter()
            .map(|p| (text(&p.name), bytes::Bytes::copy_from_slice(&p.metadata)))
            .collect(),
        requires_known_member_id: version >= MEMBER_IDS_SINCE,
        supports_skipping_assignment: version >= SKIPPING_SINCE,
    };
    drop(request);
    let joined = on_coordinator(context, &group_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let now = shard.coordinators.now();
        let effects = slot.groups.borrow_mut().join(now, join, Reply::Join(reply));
        carry_out(&shard, slot, effects);
        answer.await
    });
    let Some(joined) = context.peer.hangup.unless_gone(joined).await else {
        // The member stays until its session is over: it may come back by another connection.
        return refuse(version, GroupError::RebalanceInProgress, member_id);
    };
    match joined {
        Ok(Some(response)) => convert(version, response),
        Ok(None) => refuse(version, GroupError::NotCoordinator, member_id),
        Err(error) => refuse(version, error, member_id),
    }
}

fn refuse(version: i16, error: GroupError, member_id: Str) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code: code(error),
        protocol_name: (version < NULL_PROTOCOL_SINCE).then(Str::default),
        member_id,
        ..Default::default()
    }
}

fn convert(version: i16, response: JoinResponse) -> JoinGroupResponse {
    let protocol = optional_str(response.protocol);
    JoinGroupResponse {
        error_code: response.error.map_or(ErrorCode::None, code),
        generation_id: response.generation,
        protocol_type: optional_str(response.protocol_type),
        protocol_name: if version < NULL_PROTOCOL_SINCE {
            Some(protocol.unwrap_or_default())
        } else {
            protocol
        },
        leader: Str::from(response.leader),
        skip_assignment: response.skip_assignment,
        member_id: Str::from(response.member_id),
        members: response
            .members
            .into_iter()
            .map(|(id, instance_id, metadata)| JoinGroupResponseMember {
                member_id: Str::from(id),
                group_instance_id: optional_str(instance_id),
                metadata,
            })
            .collect(),
        ..Default::default()
    }
}
