//! ListGroups (v0–v5): the groups of all shards, or none of them while some are read back.

use naru_wire::api::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};
use naru_wire::{ErrorCode, Str};

use crate::coordinator::Coordinators;
use crate::group::Listed;
use crate::handlers::dispatch::Context;
use crate::partition::ShardId;

pub async fn handle(context: &Context, request: ListGroupsRequest) -> ListGroupsResponse {
    let shard = &context.shard;
    let calls: Vec<_> = (0..shard.mesh.shards())
        .map(|index| {
            shard.mesh.call(shard, ShardId::new(index), |there| {
                std::future::ready(listed(&there.coordinators))
            })
        })
        .collect();
    let has = |wanted: &[Str], value: &str| {
        wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(value))
    };
    let mut groups = Vec::new();
    for call in calls {
        let Some(listed) = call.await else {
            return ListGroupsResponse {
                error_code: ErrorCode::CoordinatorLoadInProgress,
                ..Default::default()
            };
        };
        let listed = listed.into_iter().filter(|group| {
            has(&request.states_filter, group.state) && has(&request.types_filter, group.group_type)
        });
        groups.extend(listed.map(|group| ListedGroup {
            group_id: Str::from(group.group_id),
            protocol_type: Str::from(group.protocol_type),
            group_state: Str::from(group.state),
            group_type: Str::from(group.group_type),
        }));
    }
    ListGroupsResponse {
        groups,
        ..Default::default()
    }
}

/// The groups of a shard; `None` while some of them are not known yet.
fn listed(coordinators: &Coordinators) -> Option<Vec<Listed>> {
    if coordinators.loading() > 0 {
        return None;
    }
    let slots = coordinators.all();
    let listed = slots.iter().flat_map(|slot| slot.groups.borrow().list());
    Some(listed.collect())
}
