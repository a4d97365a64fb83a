//! DeleteGroups (v0–v3).

use naru_runtime::sync::oneshot;
use naru_wire::Str;
use naru_wire::api::delete_groups::{
    DeletableGroupResult, DeleteGroupsRequest, DeleteGroupsResponse,
};

use super::route::{carry_out, code_of, on_coordinator, text};
use crate::coordinator::Reply;
use crate::group::GroupError;
use crate::handlers::dispatch::Context;

pub async fn handle(context: &Context, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let mut results = Vec::with_capacity(request.groups_names.len());
    for group_id in request.groups_names {
        let id = text(&group_id);
        let outcome = on_coordinator(context, &group_id, async move |shard, slot| {
            let (reply, answer) = oneshot();
            let effects = slot.groups.borrow_mut().delete(&id, Reply::Delete(reply));
            carry_out(&shard, slot, effects);
            answer.await.unwrap_or(Err(GroupError::NotCoordinator))
        });
        let outcome = outcome.await.and_then(|outcome| outcome);
        results.push(DeletableGroupResult {
            error_code: code_of(outcome),
            error_message: outcome.err().map(|error| Str::from(error.to_string())),
            group_id,
        });
    }
    DeleteGroupsResponse {
        results,
        ..Default::default()
    }
}
