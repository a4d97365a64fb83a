//! DescribeGroups (v0–v6).

use std::collections::HashSet;

use naru_wire::api::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use naru_wire::{ErrorCode, Str};

use super::route::{code, on_coordinator, optional_str, text};
use crate::group::Description;
use crate::handlers::dispatch::{Context, Turns};

/// A group that does not exist is an error from here on; before it is one that is dead
/// (KIP-1043).
const NOT_FOUND_SINCE: i16 = 6;

pub async fn handle(context: &Context, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let mut groups = Vec::with_capacity(request.groups.len());
    let mut turns = Turns::of(context);
    // Each once: the answer is many times as long as the question.
    let mut seen = HashSet::with_capacity(request.groups.len());
    for group_id in request.groups.iter().filter(|id| seen.insert(*id)) {
        let group = describe(context, group_id).await;
        turns.take(1 + group.members.len()).await;
        groups.push(group);
    }
    DescribeGroupsResponse {
        groups,
        ..Default::default()
    }
}

async fn describe(context: &Context, group_id: &Str) -> DescribedGroup {
    let id = text(group_id);
    let found = on_coordinator(context, group_id, async move |_, slot| {
        let groups = slot.groups.borrow();
        (groups.describe(&id), groups.contains(&id))
    });
    match found.await {
        Ok((Some(description), _)) => convert(group_id, description),
        Ok((None, is_consumer)) => {
            let message = if is_consumer {
                format!("Group {group_id} is not a classic group.")
            } else {
                format!("Group {group_id} not found.")
            };
            let is_error = context.version() >= NOT_FOUND_SINCE;
            DescribedGroup {
                error_code: if is_error {
                    ErrorCode::GroupIdNotFound
                } else {
                    ErrorCode::None
                },
                error_message: is_error.then(|| Str::from(message)),
                group_id: group_id.clone(),
                group_state: Str::from("Dead"),
                ..Default::default()
            }
        }
        Err(error) => DescribedGroup {
            error_code: code(error),
            group_id: group_id.clone(),
            ..Default::default()
        },
    }
}

fn convert(group_id: &Str, description: Description) -> DescribedGroup {
    DescribedGroup {
        group_id: group_id.clone(),
        group_state: Str::from(description.state),
        protocol_type: Str::from(description.protocol_type),
        protocol_data: Str::from(description.protocol),
        members: description
            .members
            .into_iter()
            .map(|member| DescribedGroupMember {
                member_id: Str::from(member.member_id),
                group_instance_id: optional_str(member.instance_id),
                client_id: Str::from(member.client_id),
                client_host: Str::from(member.client_host),
                member_metadata: member.metadata,
                member_assignment: member.assignment,
            })
            .collect(),
        ..Default::default()
    }
}
