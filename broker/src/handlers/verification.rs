//! The verification of what a produce would begin a transaction with (KIP-890): no batch of a
//! transaction is appended that its coordinator does not know of, or its marker would never come.
//!
//! A guard is taken at the partition, then the coordinator is asked, then the batch is appended
//! with the guard. A marker that comes in between ends the guard, also one of another shard.
//! Once a transaction is open in a partition, its later batches need none of this.

use std::rc::Rc;
use std::time::Duration;

use naru_wire::{ErrorCode, Str};

use super::dispatch::Context;
use super::produce::{Place, Routed};
use super::transactions::{self, ADD_WAIT_MAX, ADDITIONS_ASKED_MAX};
use crate::cluster::TopicRef;
use crate::partition::{
    NO_EPOCH, PartitionId, ShardId, Verification, VerificationGuard, VerificationRequest, owner,
};
use crate::shard::Shard;

/// Produce versions from here on add their partitions to the transaction themselves.
const ADDS_SINCE: i16 = 12;

/// Produce versions from here on know TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 11;

/// Gives each transactional batch what speaks for it, and takes out those that nothing speaks
/// for: their places, and what to answer. It takes `wait_max` at most for the transaction before
/// to be complete.
pub async fn verify(
    context: &Context,
    transactional_id: Option<&str>,
    wait_max: Duration,
    routed: &mut Vec<Routed>,
) -> Vec<(Place, ErrorCode)> {
    let Some(transactional_id) = transactional_id else {
        return refuse_all(routed, ErrorCode::TransactionalIdAuthorizationFailed);
    };
    let transactional = || routed.iter().filter(|one| one.is_transactional());
    let Some(first) = transactional().next().map(|one| *one.batch.header()) else {
        return Vec::new();
    };
    let producer = (first.producer_id, first.producer_epoch);
    if transactional().any(|one| one.batch.header().producer_id != producer.0) {
        return refuse_all(routed, ErrorCode::InvalidProducerIdMapping);
    }
    let is_asked_for = context.shard.config().log.verifies_transactions;
    let adds = context.version() >= ADDS_SINCE;
    if !is_asked_for && !adds {
        let all = routed.iter_mut();
        all.for_each(|one| one.verification = Verification::Waived);
        return Vec::new();
    }
    let give_up = context.shard.io.now() + ADD_WAIT_MAX.min(wait_max);
    let mut asked = 0;
    let (unnamed, by_topic, codes) = loop {
        let guarded = take_guards(&context.shard, routed, adds).await;
        let (unnamed, by_topic) = by_topic(context, routed, guarded.clone());
        let codes = ask(context, transactional_id, producer, &by_topic, adds).await;
        asked += 1;
        let is_last = !adds || asked == ADDITIONS_ASKED_MAX;
        if !is_last
            && codes.iter().flatten().any(is_concurrent)
            && transactions::settled(context, transactional_id, give_up).await
        {
            continue;
        }
        // The marker of the transaction before may have come after a guard was taken, and before
        // the coordinator looked.
        if is_last || take_guards(&context.shard, routed, adds).await == guarded {
            break (unnamed, by_topic, codes);
        }
    };
    let mut refused: Vec<(usize, ErrorCode)> = unnamed;
    for ((_, asked), codes) in by_topic.into_iter().zip(codes) {
        for ((at, guard), code) in asked.into_iter().zip(codes) {
            if code.is_none() {
                routed[at].verification = match is_asked_for {
                    true => Verification::Confirmed(guard),
                    false => Verification::Waived,
                };
            } else {
                refused.push((at, told(code, context.version())));
            }
        }
    }
    refused.sort_unstable_by_key(|(at, _)| *at);
    let mut answers = Vec::with_capacity(refused.len());
    for (at, code) in refused.into_iter().rev() {
        answers.push((routed.remove(at).place, code));
    }
    answers
}

fn is_concurrent(code: &ErrorCode) -> bool {
    *code == ErrorCode::ConcurrentTransactions
}

fn refuse_all(routed: &mut Vec<Routed>, code: ErrorCode) -> Vec<(Place, ErrorCode)> {
    routed.drain(..).map(|one| (one.place, code)).collect()
}

/// Takes the guards of the batches that need one, on the shards of their partitions.
async fn take_guards(shard: &Rc<Shard>, routed: &[Routed], bumps_epochs: bool) -> Asked {
    type Wanted = (usize, PartitionId, VerificationRequest);
    let mut by_owner: Vec<(ShardId, Vec<Wanted>)> = Vec::with_capacity(1);
    for (at, one) in routed.iter().enumerate() {
        if !one.is_transactional() {
            continue;
        }
        let header = one.batch.header();
        let request = VerificationRequest {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            bumps_epochs,
        };
        let id = one.partition;
        let target = owner(id.topic_id, id.index, shard.mesh.shards());
        match by_owner.iter_mut().find(|(shard, _)| *shard == target) {
            Some((_, wanted)) => wanted.push((at, id, request)),
            None => by_owner.push((target, vec![(at, id, request)])),
        }
    }
    let calls: Vec<_> = by_owner
        .into_iter()
        .map(|(target, wanted)| {
            shard.mesh.call(shard, target, move |there| {
                let now_ms = there.now_ms();
                let guards = wanted.into_iter().filter_map(|(at, id, request)| {
                    // The append tells why there is no partition.
                    let partition = there.leader(id, NO_EPOCH).ok()?;
                    Some((at, partition.begin_verification(request, now_ms)?))
                });
                std::future::ready(guards.collect::<Vec<_>>())
            })
        })
        .collect();
    let mut guarded = Vec::new();
    for call in calls {
        guarded.extend(call.await);
    }
    guarded
}

/// Batches that the coordinator is asked about: their places in the request, and their guards.
type Asked = Vec<(usize, VerificationGuard)>;

/// A topic and the indexes of its partitions, with the batches for each.
type AskedTopic = ((Str, Vec<i32>), Asked);

/// The coordinator knows topics by their names; a topic that is gone meanwhile has none.
fn by_topic(
    context: &Context,
    routed: &[Routed],
    guarded: Asked,
) -> (Vec<(usize, ErrorCode)>, Vec<AskedTopic>) {
    let image = context.shard.image();
    let mut gone = Vec::new();
    let mut topics: Vec<AskedTopic> = Vec::new();
    for (at, guard) in guarded {
        let PartitionId { topic_id, index } = routed[at].partition;
        let Some(topic) = image.topic(TopicRef::Id(topic_id)) else {
            gone.push((at, ErrorCode::UnknownTopicOrPartition));
            continue;
        };
        let known = topics
            .iter_mut()
            .find(|((name, _), _)| **name == *topic.name);
        match known {
            Some(((_, indexes), asked)) => {
                indexes.push(index);
                asked.push((at, guard));
            }
            None => {
                let name = Str::from(&*topic.name);
                topics.push(((name, vec![index]), vec![(at, guard)]));
            }
        }
    }
    (gone, topics)
}

/// Asks the coordinator; one code for each partition that is asked about.
async fn ask(
    context: &Context,
    transactional_id: &str,
    (producer_id, producer_epoch): (i64, i16),
    by_topic: &[AskedTopic],
    adds: bool,
) -> Vec<Vec<ErrorCode>> {
    if by_topic.is_empty() {
        return Vec::new();
    }
    let partitions = by_topic.iter().map(|(topic, _)| topic.clone()).collect();
    transactions::verify(
        context,
        transactional_id,
        producer_id,
        producer_epoch,
        partitions,
        adds,
    )
    .await
}

/// An error in the words of a version (KIP-890).
fn told(code: ErrorCode, version: i16) -> ErrorCode {
    match code {
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        // Before producers added their partitions with their batches, they did not know it.
        ErrorCode::ConcurrentTransactions if version < ADDS_SINCE => ErrorCode::NotEnoughReplicas,
        code => code,
    }
}
