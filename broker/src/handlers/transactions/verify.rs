//! Whether partitions are part of a producer's transaction (KIP-890): asked before a
//! transactional batch is appended that would begin a transaction in its partition.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use naru_runtime::sync::oneshot;
use naru_wire::{ErrorCode, Str};

use super::route::{add, code, on_coordinator, topic_partition};
use crate::handlers::dispatch::Context;
use crate::transaction::{
    ProducerIdAndEpoch, TopicPartition, TransactionError, TransactionVersion,
};

/// How long an addition waits for the markers of the transaction before it (the default of Kafka's
/// add.partitions.to.txn.retry.backoff.max.ms).
pub const ADD_WAIT_MAX: Duration = Duration::from_millis(100);

/// How often an addition is asked for. All that wait for an id are woken together, and one of them
/// changes its transaction: the others wait again, for that.
pub const ADDITIONS_ASKED_MAX: usize = 10;

/// Asks the coordinator of `transactional_id`; one error code for each partition, in the order
/// of `partitions`. With `add`, partitions that are not in the transaction become part of it
/// (`transaction.version` 2: Produce v12 and TxnOffsetCommit v5 and later); without it, they are
/// TRANSACTION_ABORTABLE, which producers of Produce up to v10 and TxnOffsetCommit up to v3 know
/// as INVALID_TXN_STATE: that is for the caller to say.
///
/// A producer of version 2 may write as soon as its last transaction is decided, while the markers
/// of that one are still on their way: CONCURRENT_TRANSACTIONS. It is for the caller to make it
/// wait ([`settled`]), and to take its guards anew: the marker that is waited for ends
/// those that were taken before it.
///
/// The codes are those that a producer is told: it is fenced with INVALID_PRODUCER_EPOCH, and
/// a coordinator that is not there is NOT_ENOUGH_REPLICAS, which it retries.
pub async fn verify(
    context: &Context,
    transactional_id: &str,
    producer_id: i64,
    producer_epoch: i16,
    partitions: Vec<(Str, Vec<i32>)>,
    add: bool,
) -> Vec<Vec<ErrorCode>> {
    let producer = ProducerIdAndEpoch {
        producer_id,
        producer_epoch,
    };
    let verdicts = if add {
        add_by_writing(context, transactional_id, producer, &partitions).await
    } else {
        verify_only(context, transactional_id, producer, &partitions).await
    };
    let coded = verdicts.into_iter().map(|verdicts| {
        let codes = verdicts.into_iter().map(|verdict| match verdict {
            Ok(()) => ErrorCode::None,
            Err(error) => code_for_producer(error, add),
        });
        codes.collect()
    });
    coded.collect()
}

/// Waits until nothing of `transactional_id` is under way: no change, and no markers. False if that
/// is not so by `deadline`, or too many wait, or the coordinator is gone meanwhile.
pub async fn settled(context: &Context, transactional_id: &str, deadline: Instant) -> bool {
    let wait_max = deadline.saturating_duration_since(context.shard.io.now());
    let id = transactional_id.to_owned();
    let settled = on_coordinator(context, transactional_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let effects = slot.transactions.borrow_mut().await_settled(&id, reply);
        shard.transactions.carry_out(&slot, effects);
        // Whoever waits does not keep the coordinator, or would never hear that it is gone.
        drop(slot);
        let answer = shard.io.timeout(wait_max, answer).await;
        Ok(matches!(answer, Ok(Some(Ok(_)))))
    });
    settled.await.unwrap_or(false)
}

/// As AddPartitionsToTxnManager and ReplicaManager have it.
fn code_for_producer(error: TransactionError, add: bool) -> ErrorCode {
    match error {
        TransactionError::ProducerFenced => ErrorCode::InvalidProducerEpoch,
        TransactionError::CoordinatorNotAvailable
        | TransactionError::CoordinatorLoadInProgress
        | TransactionError::NotCoordinator => ErrorCode::NotEnoughReplicas,
        // Only producers of version 2 know what to do about it.
        TransactionError::ConcurrentTransactions if !add => ErrorCode::NotEnoughReplicas,
        error => code(error),
    }
}

type Verdicts = Vec<Vec<Result<(), TransactionError>>>;

pub(super) fn listed(topic: &Str, indexes: &[i32]) -> impl Iterator<Item = TopicPartition> {
    indexes.iter().map(|index| topic_partition(topic, *index))
}

pub(super) async fn verify_only(
    context: &Context,
    id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[(Str, Vec<i32>)],
) -> Verdicts {
    let asked = partitions
        .iter()
        .flat_map(|(topic, indexes)| listed(topic, indexes));
    let (asked, owned_id): (Vec<_>, _) = (asked.collect(), id.to_owned());
    let verdicts = on_coordinator(context, id, async move |_, slot| {
        let transactions = slot.transactions.borrow();
        transactions.verify_partitions(&owned_id, producer, &asked)
    });
    let verdicts = verdicts.await;
    let mut at = 0;
    let by_topic = partitions.iter().map(|(_, indexes)| {
        let from = at;
        at += indexes.len();
        match &verdicts {
            Ok(verdicts) => verdicts.get(from..at).unwrap_or_default().to_vec(),
            Err(error) => vec![Err(*error); indexes.len()],
        }
    });
    by_topic.collect()
}

async fn add_by_writing(
    context: &Context,
    id: &str,
    producer: ProducerIdAndEpoch,
    partitions: &[(Str, Vec<i32>)],
) -> Verdicts {
    let wanted = partitions
        .iter()
        .flat_map(|(topic, indexes)| listed(topic, indexes));
    let wanted: BTreeSet<_> = wanted.collect();
    let version = TransactionVersion::V2;
    let added = add(context, id, producer, wanted, version).await;
    let by_topic = partitions.iter().map(|(topic, indexes)| {
        let verdicts = listed(topic, indexes).map(|partition| match &added {
            Ok(()) => Ok(()),
            Err(refusal) => Err(refusal.of(&partition)),
        });
        verdicts.collect()
    });
    by_topic.collect()
}
