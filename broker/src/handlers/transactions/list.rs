//! ListTransactions (v0–v2, KIP-664, KIP-994, KIP-1152): the transactional ids of all shards.

use naru_wire::api::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionState as ListedState,
};
use naru_wire::{ErrorCode, Str};
use regex::Regex;

use crate::handlers::dispatch::{Context, Turns};
use crate::partition::ShardId;
use crate::transaction::{ListFilter, Listed, TransactionState};

/// What a pattern may compile to, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

pub async fn handle(
    context: &Context,
    request: ListTransactionsRequest,
) -> ListTransactionsResponse {
    let Ok(pattern) = pattern(request.transactional_id_pattern.as_ref()) else {
        return ListTransactionsResponse {
            error_code: ErrorCode::InvalidRegularExpression,
            ..Default::default()
        };
    };
    let (states, unknown): (Vec<&Str>, Vec<&Str>) = request
        .state_filters
        .iter()
        .partition(|name| TransactionState::is_name(name));
    let mut response = ListTransactionsResponse {
        unknown_state_filters: unknown.into_iter().cloned().collect(),
        ..Default::default()
    };
    if states.is_empty() && !request.state_filters.is_empty() {
        // Nothing is in a state that there is not.
        return response;
    }
    let filter = ListFilter {
        states: states
            .into_iter()
            .map(|name| name.as_str().to_owned())
            .collect(),
        producer_ids: request.producer_id_filters,
        duration_ms: request.duration_filter,
    };
    let mut turns = Turns::of(context);
    let shard = &context.shard;
    for index in 0..shard.mesh.shards() {
        let filter = filter.clone();
        let listed = shard.mesh.call(shard, ShardId::new(index), move |there| {
            let (there, now) = (std::rc::Rc::clone(there), there.transactions.now());
            async move {
                if there.transactions.loading() > 0 {
                    return None;
                }
                let mut listed: Vec<Listed> = Vec::new();
                for slot in there.transactions.all() {
                    listed.extend(slot.transactions.borrow().list(now, &filter));
                    there.io.yield_now().await;
                }
                Some(listed)
            }
        });
        let Some(listed) = listed.await else {
            response.error_code = ErrorCode::CoordinatorLoadInProgress;
            response.transaction_states.clear();
            return response;
        };
        for one in listed {
            turns.take(1).await;
            if pattern
                .as_ref()
                .is_some_and(|p| !p.is_match(&one.transactional_id))
            {
                continue;
            }
            response.transaction_states.push(ListedState {
                transactional_id: Str::from(one.transactional_id),
                producer_id: one.producer_id,
                transaction_state: Str::from(one.state.name()),
            });
        }
    }
    response
}

/// A pattern matches all of an id, as Java's `matches()`.
fn pattern(pattern: Option<&Str>) -> Result<Option<Regex>, regex::Error> {
    let Some(pattern) = pattern.filter(|pattern| !pattern.is_empty()) else {
        return Ok(None);
    };
    // By itself first, so that no bracket of it closes ours.
    let build = |pattern: &str| {
        let mut builder = regex::RegexBuilder::new(pattern);
        builder.size_limit(PATTERN_BYTES_MAX).build()
    };
    build(pattern)?;
    build(&format!("^(?:{})$", pattern.as_str())).map(Some)
}
