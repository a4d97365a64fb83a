//! From a group id to the coordinator that has it, on whichever shard.

use std::rc::Rc;

use naru_wire::{ErrorCode, Str};

use crate::cluster::{GROUP_VERSION, TopicRef};
use crate::coordinator::{OFFSETS_TOPIC, Reply, Slot};
use crate::group::{Effect, GroupError, partition_for};
use crate::handlers::dispatch::Context;
use crate::partition::{NO_EPOCH, ShardId, Verification, owner};
use crate::shard::Shard;

/// What the records of `__consumer_offsets` can say of a name, in bytes.
const GROUP_ID_BYTES_MAX: usize = i16::MAX as usize;

/// The partition of `__consumer_offsets` that has a group, and the shard that owns it.
pub fn place(context: &Context, group_id: &str) -> Result<(i32, ShardId), GroupError> {
    let image = context.shard.image();
    let topic = image.topic(TopicRef::Name(OFFSETS_TOPIC));
    let topic = topic.ok_or(GroupError::NotCoordinator)?;
    let index = partition_for(group_id, topic.partitions.len() as i32);
    Ok((index, owner(topic.id, index, context.shard.mesh.shards())))
}

/// Runs `work` where the group's coordinator is.
pub async fn on_coordinator<T, Work>(
    context: &Context,
    group_id: &str,
    work: Work,
) -> Result<T, GroupError>
where
    T: Send + 'static,
    Work: AsyncFnOnce(Rc<Shard>, Rc<Slot>) -> T + Send + 'static,
{
    if group_id.len() > GROUP_ID_BYTES_MAX {
        return Err(GroupError::InvalidGroupId);
    }
    let (index, target) = place(context, group_id)?;
    let call = context
        .shard
        .mesh
        .call(&context.shard, target, move |there| {
            let there = Rc::clone(there);
            async move {
                let slot = there.coordinators.get(index)?;
                // As in Kafka, a broker that does not lead the partition, or has lost its disk, is
                // no coordinator.
                let led = there.leader(slot.partition.id, NO_EPOCH);
                led.map_err(|_| GroupError::NotCoordinator)?;
                Ok(work(there, slot).await)
            }
        });
    call.await
}

/// Whether groups of the consumer protocol are on (the feature group.version).
pub fn serves_consumer_groups(context: &Context) -> bool {
    context.shard.image().features().level(GROUP_VERSION) > 0
}

/// Carries out what an event came to. Takes the coordinator: who waits for its answer must not
/// keep it, or would never hear that it is gone.
pub fn carry_out(shard: &Rc<Shard>, slot: Rc<Slot>, effects: Vec<Effect<Reply>>) {
    shard.coordinators.carry_out(&slot, effects);
}

/// As [`carry_out`], with what speaks for a batch that may begin a transaction.
pub fn carry_out_verified(
    shard: &Rc<Shard>,
    slot: Rc<Slot>,
    effects: Vec<Effect<Reply>>,
    verification: Verification,
) {
    let coordinators = &shard.coordinators;
    coordinators.carry_out_verified(&slot, effects, verification);
}

/// Text that is kept beyond the request: the frame that it came in is let go.
pub fn text(text: &Str) -> String {
    text.as_str().to_owned()
}

pub fn optional_text(text: &Option<Str>) -> Option<String> {
    text.as_ref().map(self::text)
}

pub fn optional_str(text: Option<String>) -> Option<Str> {
    text.map(Str::from)
}

pub fn code(error: GroupError) -> ErrorCode {
    match error {
        GroupError::InvalidGroupId => ErrorCode::InvalidGroupId,
        GroupError::UnknownMemberId => ErrorCode::UnknownMemberId,
        GroupError::IllegalGeneration => ErrorCode::IllegalGeneration,
        GroupError::RebalanceInProgress => ErrorCode::RebalanceInProgress,
        GroupError::InconsistentGroupProtocol => ErrorCode::InconsistentGroupProtocol,
        GroupError::FencedInstanceId => ErrorCode::FencedInstanceId,
        GroupError::MemberIdRequired => ErrorCode::MemberIdRequired,
        GroupError::InvalidSessionTimeout => ErrorCode::InvalidSessionTimeout,
        GroupError::GroupMaxSizeReached => ErrorCode::GroupMaxSizeReached,
        GroupError::GroupIdNotFound => ErrorCode::GroupIdNotFound,
        GroupError::NonEmptyGroup => ErrorCode::NonEmptyGroup,
        GroupError::GroupSubscribedToTopic => ErrorCode::GroupSubscribedToTopic,
        GroupError::InvalidProducerEpoch => ErrorCode::InvalidProducerEpoch,
        GroupError::InvalidTxnState => ErrorCode::InvalidTxnState,
        GroupError::OffsetMetadataTooLarge => ErrorCode::OffsetMetadataTooLarge,
        GroupError::InvalidRequest => ErrorCode::InvalidRequest,
        GroupError::FencedMemberEpoch => ErrorCode::FencedMemberEpoch,
        GroupError::UnreleasedInstanceId => ErrorCode::UnreleasedInstanceId,
        GroupError::UnsupportedAssignor => ErrorCode::UnsupportedAssignor,
        GroupError::StaleMemberEpoch => ErrorCode::StaleMemberEpoch,
        GroupError::InvalidRegularExpression => ErrorCode::InvalidRegularExpression,
        GroupError::UnsupportedVersion => ErrorCode::UnsupportedVersion,
        GroupError::CoordinatorNotAvailable => ErrorCode::CoordinatorNotAvailable,
        GroupError::CoordinatorLoadInProgress => ErrorCode::CoordinatorLoadInProgress,
        GroupError::NotCoordinator => ErrorCode::NotCoordinator,
    }
}

pub fn code_of(outcome: Result<(), GroupError>) -> ErrorCode {
    outcome.map_or_else(code, |()| ErrorCode::None)
}
