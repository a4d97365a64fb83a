//! The way to the coordinator of a transactional id, and from its errors to error codes.

use std::collections::BTreeSet;
use std::rc::Rc;

use naru_runtime::sync::oneshot;
use naru_wire::{ErrorCode, Str};

use crate::cluster::{ClusterImage, TopicRef};
use crate::coordinator::transactions::{TRANSACTIONS_TOPIC, TransactionReply, TransactionSlot};
use crate::group::partition_for;
use crate::handlers::dispatch::Context;
use crate::partition::{NO_EPOCH, ShardId, owner};
use crate::shard::Shard;
use crate::transaction::{
    AddPartitions, Coordinator, Effect, Now, ProducerIdAndEpoch, TopicPartition, TransactionError,
    TransactionVersion,
};

/// What the records of `__transaction_state` can say of a name, in bytes.
const TRANSACTIONAL_ID_BYTES_MAX: usize = i16::MAX as usize;

/// The partition of `__transaction_state` that has an id, and the shard that owns it.
fn place(context: &Context, id: &str) -> Result<(i32, ShardId), TransactionError> {
    let image = context.shard.image();
    let topic = image.topic(TopicRef::Name(TRANSACTIONS_TOPIC));
    let topic = topic.ok_or(TransactionError::NotCoordinator)?;
    let index = partition_for(id, topic.partitions.len() as i32);
    Ok((index, owner(topic.id, index, context.shard.mesh.shards())))
}

/// Runs `work` where the id's coordinator is.
pub async fn on_coordinator<T, Work>(
    context: &Context,
    id: &str,
    work: Work,
) -> Result<T, TransactionError>
where
    T: Send + 'static,
    Work:
        AsyncFnOnce(Rc<Shard>, Rc<TransactionSlot>) -> Result<T, TransactionError> + Send + 'static,
{
    if id.is_empty() || id.len() > TRANSACTIONAL_ID_BYTES_MAX {
        return Err(TransactionError::InvalidRequest);
    }
    let (index, target) = place(context, id)?;
    let call = context
        .shard
        .mesh
        .call(&context.shard, target, move |there| {
            let there = Rc::clone(there);
            async move {
                let slot = there.transactions.get(index)?;
                // As in Kafka, a broker that does not lead the partition, or has lost its disk, is
                // no coordinator.
                let led = there.leader(slot.partition.id, NO_EPOCH);
                led.map_err(|_| TransactionError::NotCoordinator)?;
                work(there, slot).await
            }
        });
    call.await
}

/// Has a coordinator take an event that may need a producer id, and waits for its answer.
pub async fn ask<Event>(
    shard: &Rc<Shard>,
    slot: Rc<TransactionSlot>,
    event: Event,
) -> Result<ProducerIdAndEpoch, TransactionError>
where
    Event: FnOnce(
        &mut Coordinator<TransactionReply>,
        Now,
        TransactionReply,
    ) -> Vec<Effect<TransactionReply>>,
{
    if slot.transactions.borrow().lacks_producer_id() {
        let id = shard.next_producer_id().await;
        let id = id.map_err(|_| TransactionError::CoordinatorNotAvailable)?;
        slot.transactions.borrow_mut().give_producer_id(id);
    }
    let (reply, answer) = oneshot();
    let effects = {
        let mut transactions = slot.transactions.borrow_mut();
        transactions.set_version(shard.transaction_version());
        event(&mut transactions, shard.transactions.now(), reply)
    };
    shard.transactions.carry_out(&slot, effects);
    // Whoever waits does not keep the coordinator, or would never hear that it is gone.
    drop(slot);
    answer
        .await
        .unwrap_or(Err(TransactionError::NotCoordinator))
}

/// Adds partitions to the transaction of an id. Whether they exist is looked at where the
/// coordinator is: what its shard has seen of the cluster only grows, so that a partition that is
/// missing when its marker is to be written is one that was deleted.
pub async fn add(
    context: &Context,
    id: &str,
    producer: ProducerIdAndEpoch,
    partitions: BTreeSet<TopicPartition>,
    version: TransactionVersion,
) -> Result<(), Refusal> {
    let request = AddPartitions {
        transactional_id: id.to_owned(),
        producer,
        partitions,
        version,
    };
    let added = on_coordinator(context, id, async move |shard, slot| {
        let unknown = unknown(&shard.image(), &request.partitions);
        if !unknown.is_empty() {
            return Ok(Err(Refusal::Unknown(unknown)));
        }
        let added = ask(&shard, slot, |transactions, now, reply| {
            transactions.add_partitions(now, request, reply)
        });
        added.await.map(|_| Ok(()))
    });
    added.await.map_err(Refusal::Whole)?
}

/// Why no partition was added.
#[derive(Debug)]
pub enum Refusal {
    /// These do not exist.
    Unknown(BTreeSet<TopicPartition>),
    Whole(TransactionError),
}

impl Refusal {
    /// The error of one of the partitions.
    pub fn of(&self, partition: &TopicPartition) -> TransactionError {
        match self {
            Self::Whole(error) => *error,
            Self::Unknown(unknown) if unknown.contains(partition) => {
                TransactionError::UnknownTopicOrPartition
            }
            Self::Unknown(_) => TransactionError::OperationNotAttempted,
        }
    }
}

fn unknown(
    image: &ClusterImage,
    partitions: &BTreeSet<TopicPartition>,
) -> BTreeSet<TopicPartition> {
    let exists = |partition: &TopicPartition| {
        let topic = image.topic(TopicRef::Name(&partition.topic));
        topic.is_some_and(|topic| topic.partition(partition.index).is_some())
    };
    let partitions = partitions.iter();
    partitions
        .filter(|partition| !exists(partition))
        .cloned()
        .collect()
}

/// Text that is kept beyond the request: the frame that it came in is let go.
pub fn topic_partition(topic: &Str, index: i32) -> TopicPartition {
    TopicPartition {
        topic: topic.as_str().to_owned(),
        index,
    }
}

pub fn code(error: TransactionError) -> ErrorCode {
    match error {
        TransactionError::InvalidRequest => ErrorCode::InvalidRequest,
        TransactionError::InvalidTransactionTimeout => ErrorCode::InvalidTransactionTimeout,
        TransactionError::ConcurrentTransactions => ErrorCode::ConcurrentTransactions,
        TransactionError::InvalidProducerIdMapping => ErrorCode::InvalidProducerIdMapping,
        TransactionError::ProducerFenced => ErrorCode::ProducerFenced,
        TransactionError::InvalidTxnState => ErrorCode::InvalidTxnState,
        TransactionError::TransactionAbortable => ErrorCode::TransactionAbortable,
        TransactionError::TransactionalIdNotFound => ErrorCode::TransactionalIdNotFound,
        TransactionError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
        TransactionError::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
        TransactionError::NotCoordinator => ErrorCode::NotCoordinator,
        TransactionError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        TransactionError::OperationNotAttempted => ErrorCode::OperationNotAttempted,
    }
}

/// The code for a client whose request has `version`: PRODUCER_FENCED is known from
/// `fenced_since` on, before it is INVALID_PRODUCER_EPOCH (KIP-588).
pub fn code_for(error: TransactionError, version: i16, fenced_since: i16) -> ErrorCode {
    match error {
        TransactionError::ProducerFenced if version < fenced_since => {
            ErrorCode::InvalidProducerEpoch
        }
        error => code(error),
    }
}
