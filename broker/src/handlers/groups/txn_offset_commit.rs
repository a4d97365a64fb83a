//! TxnOffsetCommit (v0–v6; KIP-98, KIP-447, KIP-890, KIP-1319): offsets that count when the
//! producer's transaction is committed.
//!
//! The offsets are a batch of the transaction in the group's partition of `__consumer_offsets`, so
//! it is verified as that of a produce is: a guard is taken at the partition, the transaction
//! coordinator is asked, and the batch is appended with the guard. A marker in between ends it.

use naru_runtime::sync::oneshot;
use naru_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};
use naru_wire::{ErrorCode, Str};

use super::named::{Named, named};
use super::route::{carry_out_verified, code, code_of, on_coordinator, optional_text, place, text};
use crate::coordinator::{OFFSETS_TOPIC, Reply};
use crate::group::{GroupError, OffsetToCommit, Producer, TxnCommitRequest};
use crate::handlers::dispatch::Context;
use crate::handlers::transactions::{self, ADD_WAIT_MAX, ADDITIONS_ASKED_MAX};
use crate::partition::{Verification, VerificationGuard, VerificationRequest};

/// Versions from here on name topics by their ids, and know GROUP_ID_NOT_FOUND.
const TOPIC_IDS_SINCE: i16 = 6;
/// Versions from here on add the group's partition to the transaction.
const ADDS_SINCE: i16 = 5;
/// Versions from here on know TRANSACTION_ABORTABLE.
const ABORTABLE_SINCE: i16 = 4;

pub async fn handle(context: &Context, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let image = context.shard.image();
    let has_ids = context.version() >= TOPIC_IDS_SINCE;
    let mut response = TxnOffsetCommitResponse::default();
    let mut offsets = Vec::new();
    let mut places = Vec::new();
    for (topic_at, topic) in request.topics.iter().enumerate() {
        let known = named(&image, has_ids, &topic.name, topic.topic_id);
        let mut answered = TxnOffsetCommitResponseTopic {
            name: topic.name.clone(),
            topic_id: topic.topic_id,
            ..Default::default()
        };
        for (partition_at, partition) in topic.partitions.iter().enumerate() {
            let index = partition.partition_index;
            let found = known.as_ref().map_err(|error| *error);
            let found = found.and_then(|topic| topic.partition(index));
            answered.partitions.push(TxnOffsetCommitResponsePartition {
                partition_index: index,
                error_code: found.err().unwrap_or(ErrorCode::None),
            });
            if let Ok(Named { name, topic_id, .. }) = &known
                && found.is_ok()
            {
                places.push((topic_at, partition_at));
                offsets.push(OffsetToCommit {
                    topic: name.clone(),
                    topic_id: *topic_id,
                    partition: index,
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: optional_text(&partition.committed_metadata).unwrap_or_default(),
                    retention_ms: None,
                });
            }
        }
        response.topics.push(answered);
    }
    if places.is_empty() {
        return response;
    }
    let codes = commit(context, &request, offsets).await;
    for (at, (topic, partition)) in places.into_iter().enumerate() {
        response.topics[topic].partitions[partition].error_code = match &codes {
            Ok(codes) => codes.get(at).copied().unwrap_or(ErrorCode::None),
            Err(code) => *code,
        };
    }
    response
}

/// One code for each offset, or one for all of them.
async fn commit(
    context: &Context,
    request: &TxnOffsetCommitRequest,
    offsets: Vec<OffsetToCommit>,
) -> Result<Vec<ErrorCode>, ErrorCode> {
    if request.group_id.is_empty() {
        return Err(ErrorCode::InvalidGroupId);
    }
    let verification = verify(context, request).await?;
    let commit = TxnCommitRequest {
        group_id: text(&request.group_id),
        producer: Producer {
            id: request.producer_id,
            epoch: request.producer_epoch,
        },
        generation: request.generation_id_or_member_epoch,
        member_id: text(&request.member_id),
        instance_id: optional_text(&request.group_instance_id),
        knows_group_id_not_found: context.version() >= TOPIC_IDS_SINCE,
        offsets,
    };
    let outcomes = on_coordinator(context, &request.group_id, async move |shard, slot| {
        let (reply, answer) = oneshot();
        let now = shard.coordinators.now();
        let reply = Reply::Commit(reply);
        let effects = slot
            .groups
            .borrow_mut()
            .commit_in_transaction(now, commit, reply);
        carry_out_verified(&shard, slot, effects, verification);
        answer.await.ok_or(GroupError::NotCoordinator)
    });
    let outcomes = outcomes.await.and_then(|outcomes| outcomes);
    let outcomes = outcomes.map_err(code)?;
    Ok(outcomes.into_iter().map(code_of).collect())
}

/// What speaks for a batch of the transaction in the group's partition.
async fn verify(
    context: &Context,
    request: &TxnOffsetCommitRequest,
) -> Result<Verification, ErrorCode> {
    let adds = context.version() >= ADDS_SINCE;
    let wanted = VerificationRequest {
        producer_id: request.producer_id,
        producer_epoch: request.producer_epoch,
        // Coordinators write without sequences.
        base_sequence: -1,
        bumps_epochs: adds,
    };
    let is_asked_for = context.shard.config().log.verifies_transactions;
    let give_up = context.shard.io.now() + ADD_WAIT_MAX;
    let mut asked = 0;
    loop {
        let Some(guard) = take_guard(context, request, wanted).await? else {
            // Its transaction is open in this partition already.
            return Ok(Verification::None);
        };
        if !is_asked_for && !adds {
            return Ok(Verification::Waived);
        }
        let verdict = ask(context, request, adds).await?;
        asked += 1;
        let is_last = !adds || asked == ADDITIONS_ASKED_MAX;
        match verdict {
            ErrorCode::ConcurrentTransactions if !is_last => {
                let id = &request.transactional_id;
                if !transactions::settled(context, id, give_up).await {
                    return Err(told(verdict, context.version()));
                }
            }
            ErrorCode::None if !is_asked_for => return Ok(Verification::Waived),
            ErrorCode::None => {
                // The marker of the transaction before may have come after the guard was taken,
                // and before the coordinator looked.
                if is_last || take_guard(context, request, wanted).await? == Some(guard) {
                    return Ok(Verification::Confirmed(guard));
                }
            }
            refusal => return Err(told(refusal, context.version())),
        }
    }
}

async fn take_guard(
    context: &Context,
    request: &TxnOffsetCommitRequest,
    wanted: VerificationRequest,
) -> Result<Option<VerificationGuard>, ErrorCode> {
    let guard = on_coordinator(context, &request.group_id, async move |shard, slot| {
        slot.partition.begin_verification(wanted, shard.now_ms())
    });
    guard.await.map_err(code)
}

/// What the transaction coordinator says of the group's partition.
async fn ask(
    context: &Context,
    request: &TxnOffsetCommitRequest,
    adds: bool,
) -> Result<ErrorCode, ErrorCode> {
    let (index, _) = place(context, &request.group_id).map_err(code)?;
    let partitions = vec![(Str::from(OFFSETS_TOPIC), vec![index])];
    let codes = transactions::verify(
        context,
        &request.transactional_id,
        request.producer_id,
        request.producer_epoch,
        partitions,
        adds,
    );
    let verdict = codes.await.into_iter().flatten().next();
    Ok(verdict.unwrap_or(ErrorCode::CoordinatorNotAvailable))
}

/// An error of the verification in the words of a group coordinator.
fn told(refusal: ErrorCode, version: i16) -> ErrorCode {
    match refusal {
        ErrorCode::TransactionAbortable if version < ABORTABLE_SINCE => ErrorCode::InvalidTxnState,
        ErrorCode::NotEnoughReplicas => ErrorCode::CoordinatorNotAvailable,
        refusal => refusal,
    }
}
