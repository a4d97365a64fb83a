//! DescribeTransactions (v0, KIP-664).

use std::collections::HashSet;

use naru_wire::Str;
use naru_wire::api::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};

use super::route::{code, on_coordinator};
use crate::handlers::dispatch::{Context, Turns};
use crate::transaction::Description;

pub async fn handle(
    context: &Context,
    request: DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let ids = &request.transactional_ids;
    let mut response = DescribeTransactionsResponse::default();
    let mut turns = Turns::of(context);
    // Each once: the answer is many times as long as the question.
    let mut seen = HashSet::with_capacity(ids.len());
    for id in ids.iter().filter(|id| seen.insert(*id)) {
        let owned_id = id.as_str().to_owned();
        let described = on_coordinator(context, id, async move |_, slot| {
            slot.transactions.borrow().describe(&owned_id)
        });
        let described = described.await;
        turns.take(1).await;
        response.transaction_states.push(match described {
            Ok(description) => convert(id, description),
            Err(error) => TransactionState {
                error_code: code(error),
                transactional_id: id.clone(),
                ..Default::default()
            },
        });
    }
    response
}

fn convert(id: &Str, description: Description) -> TransactionState {
    let partitions = &description.partitions;
    let topics = partitions.chunk_by(|a, b| a.topic == b.topic);
    TransactionState {
        transactional_id: id.clone(),
        transaction_state: Str::from(description.state.name()),
        transaction_timeout_ms: description.timeout_ms,
        transaction_start_time_ms: description.start_ms,
        producer_id: description.producer.producer_id,
        producer_epoch: description.producer.producer_epoch,
        topics: topics
            .map(|partitions| TopicData {
                topic: partitions
                    .first()
                    .map_or_else(Str::default, |first| Str::from(&first.topic)),
                partitions: partitions.iter().map(|partition| partition.index).collect(),
            })
            .collect(),
        ..Default::default()
    }
}
