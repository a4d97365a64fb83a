//! What a group answers instead of what was asked for; each is Kafka's error of that name.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    #[error("the group id is empty")]
    InvalidGroupId,
    #[error("the group has no such member")]
    UnknownMemberId,
    #[error("the generation is over")]
    IllegalGeneration,
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    #[error("the member's protocols do not fit those of the group")]
    InconsistentGroupProtocol,
    #[error("another member has taken over this group.instance.id")]
    FencedInstanceId,
    #[error("join again with the member id of this answer")]
    MemberIdRequired,
    #[error("the session timeout is outside group.{{min,max}}.session.timeout.ms")]
    InvalidSessionTimeout,
    #[error("the group has group.max.size members")]
    GroupMaxSizeReached,
    #[error("there is no such group")]
    GroupIdNotFound,
    #[error("the group has members")]
    NonEmptyGroup,
    #[error("the group is subscribed to the topic")]
    GroupSubscribedToTopic,
    #[error("a newer producer has taken over this transactional.id")]
    InvalidProducerEpoch,
    #[error("the partition is not in a transaction of the producer")]
    InvalidTxnState,
    #[error("the metadata of an offset is longer than offset.metadata.max.bytes")]
    OffsetMetadataTooLarge,
    #[error("the request lacks what it must say, or says what it must not")]
    InvalidRequest,
    #[error(
        "the member's epoch is not the one that it has; it must join again, without partitions"
    )]
    FencedMemberEpoch,
    #[error("the member with this group.instance.id has not left")]
    UnreleasedInstanceId,
    #[error("the assignor is none of group.consumer.assignors")]
    UnsupportedAssignor,
    #[error("the member's epoch is not the one that it has")]
    StaleMemberEpoch,
    #[error("the regular expression of topics cannot be read, or is too large")]
    InvalidRegularExpression,
    #[error("the group's members use a protocol that needs a newer version of this request")]
    UnsupportedVersion,
    #[error("the coordinator could not write to __consumer_offsets")]
    CoordinatorNotAvailable,
    #[error("the coordinator is reading its log")]
    CoordinatorLoadInProgress,
    #[error("another broker coordinates this group")]
    NotCoordinator,
}
