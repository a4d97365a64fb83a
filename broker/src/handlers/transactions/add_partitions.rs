//! AddPartitionsToTxn (v0–v5): from clients up to v3, from brokers after it.

use naru_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
};
use naru_wire::{ErrorCode, Str};

use super::verify;
use crate::handlers::dispatch::Context;

pub async fn handle(
    context: &Context,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let mut response = AddPartitionsToTxnResponse::default();
    for transaction in request.transactions {
        let partitions = listed(&transaction.topics);
        let id = &transaction.transactional_id;
        let (producer_id, epoch) = (transaction.producer_id, transaction.producer_epoch);
        let add = !transaction.verify_only;
        let codes = verify(context, id, producer_id, epoch, partitions, add).await;
        response
            .results_by_transaction
            .push(AddPartitionsToTxnResult {
                transactional_id: transaction.transactional_id,
                topic_results: results(transaction.topics, codes),
            });
    }
    if context.version() <= 3 {
        let partitions = listed(&request.topics);
        let id = &request.transactional_id;
        let (producer_id, epoch) = (request.producer_id, request.producer_epoch);
        let codes = verify(context, id, producer_id, epoch, partitions, true).await;
        response.results_by_topic = results(request.topics, codes);
    }
    response
}

fn listed(topics: &[AddPartitionsToTxnTopic]) -> Vec<(Str, Vec<i32>)> {
    let topics = topics.iter();
    topics
        .map(|t| (t.name.clone(), t.partitions.clone()))
        .collect()
}

fn results(
    topics: Vec<AddPartitionsToTxnTopic>,
    codes: Vec<Vec<ErrorCode>>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = topics.into_iter().zip(codes);
    topics
        .map(|(topic, codes)| AddPartitionsToTxnTopicResult {
            name: topic.name,
            results_by_partition: topic
                .partitions
                .into_iter()
                .zip(codes)
                .map(
                    |(partition_index, partition_error_code)| AddPartitionsToTxnPartitionResult {
                        partition_index,
                        partition_error_code,
                    },
                )
                .collect(),
        })
        .collect()
}
