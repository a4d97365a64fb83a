//! ListGroups (v0–v5): the groups of all shards.

use naru_wire::Str;
use naru_wire::api::list_groups::{ListGroupsRequest, ListGroupsResponse, ListedGroup};

use crate::group::Listed;
use crate::handlers::dispatch::Context;
use crate::partition::ShardId;

pub async fn handle(context: &Context, request: ListGroupsRequest) -> ListGroupsResponse {
    let shard = &context.shard;
    let calls: Vec<_> = (0..shard.mesh.shards())
        .map(|index| {
            shard.mesh.call(shard, ShardId::new(index), |there| {
                let slots = there.coordinators.all();
                let listed: Vec<Listed> = slots
                    .iter()
                    .flat_map(|slot| slot.groups.borrow().list())
                    .collect();
                std::future::ready(listed)
            })
        })
        .collect();
    let has = |wanted: &[Str], value: &str| {
        wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(value))
    };
    let mut groups = Vec::new();
    for call in calls {
        let listed = call.await.into_iter();
        let listed = listed.filter(|group| {
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
