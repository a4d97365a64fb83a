//! What goes in and out, close to Kafka's messages of the same names.

use bytes::Bytes;
use uuid::Uuid;

use super::{GroupError, Producer};

#[derive(Clone, Debug, Default)]
pub struct JoinRequest {
    pub group_id: String,
    /// Empty when the member has none yet.
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: i32,
    pub rebalance_timeout_ms: i32,
    pub protocol_type: String,
    /// Names and metadata, the most wanted first.
    pub protocols: Vec<(String, Bytes)>,
    /// JoinGroup v4 and later: a member must come with an id (KIP-394).
    pub requires_known_member_id: bool,
    /// JoinGroup v9 and later: a leader may be told to assign nothing (KIP-814).
    pub supports_skipping_assignment: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinResponse {
    pub error: Option<GroupError>,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: String,
    pub skip_assignment: bool,
    pub member_id: String,
    /// Only the leader is told: member id, instance id, metadata.
    pub members: Vec<(String, Option<String>, Bytes)>,
}

impl JoinResponse {
    pub(super) fn error(error: GroupError, member_id: impl Into<String>) -> Self {
        Self {
            error: Some(error),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.into(),
            members: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct SyncRequest {
    pub group_id: String,
    pub generation: i32,
    pub member_id: String,
    pub instance_id: Option<String>,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    /// From the leader: member ids and assignments.
    pub assignments: Vec<(String, Bytes)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncResponse {
    pub error: Option<GroupError>,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub assignment: Bytes,
}

impl SyncResponse {
    pub(super) fn error(error: GroupError) -> Self {
        Self {
            error: Some(error),
            protocol_type: None,
            protocol: None,
            assignment: Bytes::new(),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct HeartbeatRequest {
    pub group_id: String,
    pub generation: i32,
    pub member_id: String,
    pub instance_id: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct LeaveRequest {
    pub group_id: String,
    pub members: Vec<Leaving>,
}

#[derive(Clone, Debug, Default)]
pub struct Leaving {
    /// May be empty when the instance id says who leaves.
    pub member_id: String,
    pub instance_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub error: Option<GroupError>,
}

#[derive(Clone, Debug, Default)]
pub struct CommitRequest {
    pub group_id: String,
    /// -1 from a consumer that assigns partitions to itself.
    pub generation: i32,
    pub member_id: String,
    pub instance_id: Option<String>,
    /// OffsetCommit v9 and later: a group that is not there is an error of its own, and so is the
    /// epoch of a member of the consumer protocol.
    pub knows_group_id_not_found: bool,
    pub offsets: Vec<OffsetToCommit>,
}

/// A commit that counts when the producer's transaction is committed.
#[derive(Clone, Debug)]
pub struct TxnCommitRequest {
    pub group_id: String,
    pub producer: Producer,
    /// -1, no member and no instance from v2 on down, and from whoever is in no group.
    pub generation: i32,
    pub member_id: String,
    pub instance_id: Option<String>,
    /// TxnOffsetCommit v6 and later: a group that is not there is an error of its own (KIP-1319).
    pub knows_group_id_not_found: bool,
    pub offsets: Vec<OffsetToCommit>,
}

#[derive(Clone, Debug, Default)]
pub struct OffsetToCommit {
    pub topic: String,
    /// Nil from clients that go by the name.
    pub topic_id: Uuid,
    pub partition: i32,
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
    /// What OffsetCommit v2–v4 may ask for instead of `offsets.retention.minutes`, in ms.
    pub retention_ms: Option<i64>,
}

impl OffsetToCommit {
    pub(super) fn is_of(&self, topic_id: Uuid) -> bool {
        is_same_topic(self.topic_id, topic_id)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    pub leader_epoch: i32,
    pub metadata: String,
    pub commit_timestamp_ms: i64,
    /// When it expires, whatever becomes of its group; only old clients ask for it. In ms since
    /// 1970.
    pub expire_timestamp_ms: Option<i64>,
    /// Nil if the client went by the name.
    pub topic_id: Uuid,
}

/// Whether two commits can be about one topic: an id that nobody gave is that of any.
fn is_same_topic(one: Uuid, other: Uuid) -> bool {
    one == other || one.is_nil() || other.is_nil()
}

impl CommittedOffset {
    /// Whether it is of this topic, and not of one that had its name before.
    pub(super) fn is_of(&self, topic_id: Uuid) -> bool {
        is_same_topic(self.topic_id, topic_id)
    }

    pub(super) fn new(asked: &OffsetToCommit, now_ms: i64) -> Self {
        Self {
            offset: asked.offset,
            leader_epoch: asked.leader_epoch,
            metadata: asked.metadata.clone(),
            commit_timestamp_ms: now_ms,
            expire_timestamp_ms: asked.retention_ms.map(|ms| now_ms.saturating_add(ms)),
            topic_id: asked.topic_id,
        }
    }
}

/// Partitions that something is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionsOfTopic {
    pub topic: String,
    /// Nil from clients that go by the name.
    pub topic_id: Uuid,
    pub partitions: Vec<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    pub topic: String,
    pub partition: i32,
    /// `None`: nothing was committed.
    pub committed: Option<CommittedOffset>,
    /// Stable offsets were asked for, and an open transaction has one for this partition.
    pub is_unstable: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub state: &'static str,
    pub protocol_type: String,
    pub protocol: String,
    pub members: Vec<DescribedMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub metadata: Bytes,
    pub assignment: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub group_id: String,
    pub protocol_type: String,
    /// Kafka's name of the group's protocol.
    pub group_type: &'static str,
    pub state: &'static str,
}
