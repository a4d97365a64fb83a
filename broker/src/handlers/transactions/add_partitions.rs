//! AddPartitionsToTxn (v0–v5): from clients up to v3, from brokers after it.

use std::collections::BTreeSet;

use naru_wire::api::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    AddPartitionsToTxnResult, AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction,
};
use naru_wire::{ErrorCode, Str};

use super::route::{add, code, code_for, topic_partition};
use super::verify::{listed, verify_only};
use crate::handlers::dispatch::{Context, Turns};
use crate::transaction::{ProducerIdAndEpoch, TransactionVersion};

/// Versions from here on know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// Versions from here on are sent by brokers, with several transactions.
const BATCHES_SINCE: i16 = 4;
/// Versions from here on know TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 5;

pub async fn handle(
    context: &Context,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    if context.version() < BATCHES_SINCE {
        let producer = ProducerIdAndEpoch {
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
        };
        let (id, topics) = (&request.transactional_id, &request.topics);
        let codes = add_all(context, id, producer, topics, TransactionVersion::V0).await;
        return AddPartitionsToTxnResponse {
            results_by_topic: results(request.topics, codes),
            ..Default::default()
        };
    }
    let mut response = AddPartitionsToTxnResponse::default();
    let mut turns = Turns::of(context);
    for transaction in request.transactions {
        turns.take(1).await;
        let codes = add_or_verify(context, &transaction).await;
        let result = AddPartitionsToTxnResult {
            transactional_id: transaction.transactional_id,
            topic_results: results(transaction.topics, codes),
        };
        response.results_by_transaction.push(result);
    }
    response
}

async fn add_or_verify(
    context: &Context,
    transaction: &AddPartitionsToTxnTransaction,
) -> Vec<Vec<ErrorCode>> {
    let producer = ProducerIdAndEpoch {
        producer_id: transaction.producer_id,
        producer_epoch: transaction.producer_epoch,
    };
    let (id, topics) = (&transaction.transactional_id, &transaction.topics);
    if !transaction.verify_only {
        return add_all(context, id, producer, topics, TransactionVersion::V2).await;
    }
    let topics = topics.iter();
    let wanted: Vec<(Str, Vec<i32>)> = topics
        .map(|topic| (topic.name.clone(), topic.partitions.clone()))
        .collect();
    let verdicts = verify_only(context, id, producer, &wanted).await;
    let coded = verdicts.into_iter().map(|verdicts| {
        let verdicts = verdicts.into_iter();
        let codes = verdicts.map(
            |verdict| match verdict.map_or_else(code, |()| ErrorCode::None) {
                ErrorCode::TransactionAbortable if context.version() < ABORTABLE_SINCE => {
                    ErrorCode::InvalidTxnState
                }
                code => code,
            },
        );
        codes.collect()
    });
    coded.collect()
}

async fn add_all(
    context: &Context,
    id: &Str,
    producer: ProducerIdAndEpoch,
    topics: &[AddPartitionsToTxnTopic],
    version: TransactionVersion,
) -> Vec<Vec<ErrorCode>> {
    let partitions: BTreeSet<_> = topics
        .iter()
        .flat_map(|topic| listed(&topic.name, &topic.partitions))
        .collect();
    let added = add(context, id, producer, partitions, version).await;
    let codes = topics.iter().map(|topic| {
        let codes = topic.partitions.iter().map(|index| match &added {
            Ok(()) => ErrorCode::None,
            Err(refusal) => {
                let error = refusal.of(&topic_partition(&topic.name, *index));
                code_for(error, context.version(), FENCED_SINCE)
            }
        });
        codes.collect()
    });
    codes.collect()
}

fn results(
    topics: Vec<AddPartitionsToTxnTopic>,
    codes: Vec<Vec<ErrorCode>>,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let topics = topics.into_iter().zip(codes);
    let results = topics.map(|(topic, codes)| {
        let partitions = topic.partitions.into_iter().zip(codes);
        let partitions = partitions.map(|(partition_index, partition_error_code)| {
            AddPartitionsToTxnPartitionResult {
                partition_index,
                partition_error_code,
            }
        });
        AddPartitionsToTxnTopicResult {
            name: topic.name,
            results_by_partition: partitions.collect(),
        }
    });
    results.collect()
}
