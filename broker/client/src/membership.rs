//! [`Membership`]: what a member of a consumer group asks and makes of the answers, by the classic
//! protocol: join, sync, heartbeat, commit, leave. No I/O and no clock.
//!
//! The member that leads assigns by range, as Kafka's RangeAssignor does. All members want the same
//! topics.

use naru_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use naru_wire::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use naru_wire::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use naru_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestTopic, OffsetFetchResponse,
};
use naru_wire::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse};
use naru_wire::{ErrorCode, Str};

use crate::consumer_protocol::{range_assignment, read_assignment, subscription};
use crate::{KafkaError, Partition, Topic};

const PROTOCOL_TYPE: Str = Str::from_static("consumer");
const PROTOCOL: Str = Str::from_static("range");
const SESSION_TIMEOUT_MS: i32 = 10_000;
const REBALANCE_TIMEOUT_MS: i32 = 30_000;

/// The last versions that name one group, and topics, in the request.
pub const OFFSET_COMMIT_VERSION_MAX: i16 = 9;
pub const OFFSET_FETCH_VERSION_MAX: i16 = 7;

/// A topic's partition and an offset of it.
pub type Position = (Str, i32, i64);

#[derive(Clone, Debug)]
pub struct Membership {
    group: Str,
    topics: Vec<Topic>,
    member_id: Str,
    generation: i32,
}

/// What comes after a step of joining.
#[derive(Clone, Debug)]
pub enum Next<T> {
    Go(T),
    /// Join again, at once.
    Join,
    /// Join again, a little later: something passes.
    JoinLater,
}

impl Membership {
    pub fn new(group: &str, topics: Vec<Topic>) -> Self {
        Self {
            group: group.into(),
            topics,
            member_id: Str::default(),
            generation: -1,
        }
    }

    pub fn group(&self) -> &str {
        &self.group
    }

    /// Of the last join.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    pub fn join_request(&self) -> JoinGroupRequest {
        JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: self.member_id.clone(),
            protocol_type: PROTOCOL_TYPE,
            protocols: vec![JoinGroupRequestProtocol {
                name: PROTOCOL,
                metadata: subscription(self.topics.iter().map(|topic| &topic.name)),
            }],
            ..Default::default()
        }
    }

    /// What is to be asked after a join was answered.
    ///
    /// # Errors
    /// When the group does not take this member.
    pub fn joined(
        &mut self,
        joined: &JoinGroupResponse,
    ) -> Result<Next<SyncGroupRequest>, KafkaError> {
        match joined.error_code {
            ErrorCode::None => {}
            // KIP-394: the id is given first, and counted only when it comes back.
            ErrorCode::MemberIdRequired => {
                self.member_id = joined.member_id.detach();
                return Ok(Next::Join);
            }
            ErrorCode::UnknownMemberId => {
                self.member_id = Str::default();
                return Ok(Next::Join);
            }
            ErrorCode::RebalanceInProgress => return Ok(Next::JoinLater),
            code => {
                let refused = KafkaError::check(code, || "join group".into(), None);
                return match refused {
                    Err(error) if error.is_passing() => Ok(Next::JoinLater),
                    refused => refused.map(|()| Next::JoinLater),
                };
            }
        }
        self.member_id = joined.member_id.detach();
        self.generation = joined.generation_id;
        Ok(Next::Go(self.sync_request(joined)))
    }

    fn sync_request(&self, joined: &JoinGroupResponse) -> SyncGroupRequest {
        let mut assignments = Vec::new();
        if joined.leader == self.member_id {
            let mut members: Vec<Str> =
                joined.members.iter().map(|m| m.member_id.clone()).collect();
            members.sort();
            for (at, member_id) in members.iter().enumerate() {
                assignments.push(SyncGroupRequestAssignment {
                    member_id: member_id.clone(),
                    assignment: range_assignment(&self.topics, at, members.len()),
                });
            }
        }
        SyncGroupRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            protocol_type: Some(PROTOCOL_TYPE),
            protocol_name: Some(PROTOCOL),
            assignments,
            ..Default::default()
        }
    }

    /// The partitions that the group gives to this member.
    ///
    /// # Errors
    /// When the group does not have this member.
    pub fn synced(
        &mut self,
        synced: &SyncGroupResponse,
    ) -> Result<Next<Vec<Partition>>, KafkaError> {
        match synced.error_code {
            ErrorCode::None => Ok(Next::Go(read_assignment(&synced.assignment))),
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => Ok(Next::Join),
            ErrorCode::UnknownMemberId => {
                self.member_id = Str::default();
                Ok(Next::Join)
            }
            code => KafkaError::check(code, || "sync group".into(), None).map(|()| Next::Join),
        }
    }

    /// Asks for the offsets that the group has committed; up to [`OFFSET_FETCH_VERSION_MAX`].
    pub fn offsets_request(&self, assigned: &[Partition]) -> OffsetFetchRequest {
        let topics = assigned
            .iter()
            .map(|(name, index)| OffsetFetchRequestTopic {
                name: name.clone(),
                partition_indexes: vec![*index],
            });
        OffsetFetchRequest {
            group_id: self.group.clone(),
            topics: Some(topics.collect()),
            ..Default::default()
        }
    }

    /// The committed offsets; -1 where there is none.
    ///
    /// # Errors
    /// When the group, or one of the partitions, is refused.
    pub fn offsets(fetched: &OffsetFetchResponse) -> Result<Vec<Position>, KafkaError> {
        let what = || "offset fetch".into();
        KafkaError::check(fetched.error_code, what, None)?;
        let mut positions = Vec::new();
        for topic in &fetched.topics {
            for partition in &topic.partitions {
                KafkaError::check(partition.error_code, what, None)?;
                let (index, offset) = (partition.partition_index, partition.committed_offset);
                positions.push((topic.name.detach(), index, offset));
            }
        }
        Ok(positions)
    }

    pub fn heartbeat_request(&self) -> HeartbeatRequest {
        HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            ..Default::default()
        }
    }

    /// Whether the member is still one; if not, it is to join again.
    ///
    /// # Errors
    /// When the group is refused.
    pub fn is_member(beaten: &HeartbeatResponse) -> Result<bool, KafkaError> {
        match beaten.error_code {
            ErrorCode::RebalanceInProgress
            | ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId => Ok(false),
            code => KafkaError::check(code, || "heartbeat".into(), None).map(|()| true),
        }
    }

    /// Commits these offsets; up to [`OFFSET_COMMIT_VERSION_MAX`].
    pub fn commit_request(&self, positions: &[Position]) -> OffsetCommitRequest {
        let topics = positions
            .iter()
            .map(|(name, index, offset)| OffsetCommitRequestTopic {
                name: name.clone(),
                partitions: vec![OffsetCommitRequestPartition {
                    partition_index: *index,
                    committed_offset: *offset,
                    ..Default::default()
                }],
                ..Default::default()
            });
        OffsetCommitRequest {
            group_id: self.group.clone(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.member_id.clone(),
            topics: topics.collect(),
            ..Default::default()
        }
    }

    /// # Errors
    /// An error of one partition is an error.
    pub fn committed(committed: &OffsetCommitResponse) -> Result<(), KafkaError> {
        for partition in committed.topics.iter().flat_map(|topic| &topic.partitions) {
            KafkaError::check(partition.error_code, || "offset commit".into(), None)?;
        }
        Ok(())
    }

    pub fn leave_request(&self) -> LeaveGroupRequest {
        LeaveGroupRequest {
            group_id: self.group.clone(),
            member_id: self.member_id.clone(),
            members: vec![MemberIdentity {
                member_id: self.member_id.clone(),
                ..Default::default()
            }],
        }
    }
}
