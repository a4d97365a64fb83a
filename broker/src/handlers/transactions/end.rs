//! EndTxn (v0–v5). The answer leaves when the decision is durable; the markers follow, so that
//! consumers see the transaction a moment later.

use naru_wire::api::end_txn::{EndTxnRequest, EndTxnResponse};

use super::route::{ask, code_for, on_coordinator};
use crate::handlers::dispatch::Context;
use crate::transaction::{EndTransaction, ProducerIdAndEpoch, TransactionVersion};

/// Versions from here on know PRODUCER_FENCED.
const FENCED_SINCE: i16 = 2;
/// Versions from here on belong to `transaction.version` 2: the request says so, not the cluster.
const EPOCH_EACH_SINCE: i16 = 5;

pub async fn handle(context: &Context, request: EndTxnRequest) -> EndTxnResponse {
    let version = if context.version() >= EPOCH_EACH_SINCE {
        TransactionVersion::V2
    } else {
        TransactionVersion::V0
    };
    let end = EndTransaction {
        transactional_id: request.transactional_id.as_str().to_owned(),
        producer: ProducerIdAndEpoch {
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
        },
        commits: request.committed,
        version,
    };
    let id = &request.transactional_id;
    let ended = on_coordinator(context, id, async move |shard, slot| {
        ask(&shard, slot, |transactions, now, reply| {
            transactions.end_transaction(now, end, reply)
        })
        .await
    });
    match ended.await {
        Ok(producer) => EndTxnResponse {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            ..Default::default()
        },
        Err(error) => EndTxnResponse {
            error_code: code_for(error, context.version(), FENCED_SINCE),
            ..Default::default()
        },
    }
}
