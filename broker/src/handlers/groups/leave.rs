//! LeaveGroup (v0–v5).

use naru_wire::ErrorCode;
use naru_wire::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse, MemberResponse};

use super::route::{carry_out, code, on_coordinator, optional_str, optional_text, text};
use crate::group::{LeaveRequest, Leaving};
use crate::handlers::dispatch::Context;

/// Several members leave at once from here on (KIP-345).
const BATCHES_SINCE: i16 = 3;

pub async fn handle(context: &Context, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let is_batch = context.version() >= BATCHES_SINCE;
    let members = if is_batch {
        let members = request.members.iter().map(|member| Leaving {
            member_id: text(&member.member_id),
            instance_id: optional_text(&member.group_instance_id),
        });
        members.collect()
    } else {
        vec![Leaving {
            member_id: text(&request.member_id),
            instance_id: None,
        }]
    };
    let leave = LeaveRequest {
        group_id: text(&request.group_id),
        members,
    };
    let outcome = on_coordinator(context, &request.group_id, async move |shard, slot| {
        let (outcome, effects) = slot
            .groups
            .borrow_mut()
            .leave(shard.coordinators.now(), &leave);
        carry_out(&shard, slot, effects);
        outcome
    });
    match outcome.await.and_then(|outcome| outcome) {
        Err(error) => LeaveGroupResponse {
            error_code: code(error),
            ..Default::default()
        },
        Ok(left) if is_batch => LeaveGroupResponse {
            members: left
                .into_iter()
                .map(|left| MemberResponse {
                    member_id: left.member_id.into(),
                    group_instance_id: optional_str(left.instance_id),
                    error_code: left.error.map_or(ErrorCode::None, code),
                })
                .collect(),
            ..Default::default()
        },
        Ok(left) => LeaveGroupResponse {
            error_code: left
                .first()
                .and_then(|left| left.error)
                .map_or(ErrorCode::None, code),
            ..Default::default()
        },
    }
}
