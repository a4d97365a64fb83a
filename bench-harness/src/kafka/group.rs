//! Membership in a consumer group, by the classic protocol: join, sync, heartbeat, commit, leave.
//!
//! The member that leads assigns by range, as Kafka's RangeAssignor does. All members want the same
//! topics.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use naru_client::{KafkaError, Topic};
use naru_runtime::Handle;
use naru_wire::api::find_coordinator::FindCoordinatorRequest;
use naru_wire::api::heartbeat::HeartbeatRequest;
use naru_wire::api::join_group::{JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse};
use naru_wire::api::leave_group::{LeaveGroupRequest, MemberIdentity};
use naru_wire::api::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use naru_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use naru_wire::api::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use naru_wire::{ErrorCode, Str};

use super::connection::Connection;

const PROTOCOL_TYPE: Str = Str::from_static("consumer");
const PROTOCOL: Str = Str::from_static("range");
const SESSION_TIMEOUT_MS: i32 = 10_000;
const REBALANCE_TIMEOUT_MS: i32 = 30_000;

/// The last versions that name one group, and topics, in the request.
const FIND_COORDINATOR_VERSION_MAX: i16 = 3;
const OFFSET_COMMIT_VERSION_MAX: i16 = 9;
const OFFSET_FETCH_VERSION_MAX: i16 = 7;

/// A coordinator that is still loading is asked again after this.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
const RETRIES_MAX: u32 = 600;

/// A topic's partition and an offset of it.
pub type Position = (Str, i32, i64);

/// One member. Its requests go over a connection of their own, as a join may wait for long.
pub struct Member {
    handle: Handle,
    connection: Connection,
    group: Str,
    topics: Vec<Topic>,
    member_id: Str,
    generation: i32,
}

fn is_passing(code: ErrorCode) -> bool {
    use ErrorCode::{CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator};
    matches!(
        code,
        CoordinatorLoadInProgress | CoordinatorNotAvailable | NotCoordinator
    )
}

impl Member {
    /// Finds the group's coordinator.
    pub async fn connect(
        handle: &Handle,
        bootstrap: &Connection,
        group: &str,
        topics: Vec<Topic>,
    ) -> Result<Self, KafkaError> {
        let request = FindCoordinatorRequest {
            key: group.into(),
            coordinator_keys: vec![group.into()],
            ..Default::default()
        };
        let version = bootstrap.version::<FindCoordinatorRequest>(FIND_COORDINATOR_VERSION_MAX)?;
        let mut tries = 0;
        let found = loop {
            let found = bootstrap.send_in(&request, version)?.await?;
            tries += 1;
            if !is_passing(found.error_code) || tries > RETRIES_MAX {
                break found;
            }
            handle.sleep(RETRY_INTERVAL).await;
        };
        let message = found.error_message.as_ref();
        KafkaError::check(
            found.error_code,
            || format!("find the coordinator of {group}"),
            message,
        )?;
        let address = format!("{}:{}", found.host, found.port);
        Ok(Self {
            handle: handle.clone(),
            connection: Connection::open(handle, &address).await?,
            group: group.into(),
            topics,
            member_id: Str::default(),
            generation: -1,
        })
    }

    /// Joins, or joins again, and waits for the assignment: topics and partitions, with the offsets
    /// that the group has committed (-1: none).
    pub async fn join(&mut self) -> Result<Vec<Position>, KafkaError> {
        for _ in 0..RETRIES_MAX {
            let joined = self.connection.call(&self.join_request()).await?;
            match joined.error_code {
                ErrorCode::None => {}
                // KIP-394: the id is given first, and counted only when it comes back.
                ErrorCode::MemberIdRequired => {
                    self.member_id = joined.member_id.detach();
                    continue;
                }
                ErrorCode::UnknownMemberId => {
                    self.member_id = Str::default();
                    continue;
                }
                code if is_passing(code) || code == ErrorCode::RebalanceInProgress => {
                    self.handle.sleep(RETRY_INTERVAL).await;
                    continue;
                }
                code => KafkaError::check(code, || "join group".into(), None)?,
            }
            self.member_id = joined.member_id.detach();
            self.generation = joined.generation_id;
            let request = self.sync_request(&joined);
            let synced = self.connection.call(&request).await?;
            match synced.error_code {
                ErrorCode::None => {
                    let assigned = read_assignment(&synced.assignment);
                    return self.committed(assigned).await;
                }
                ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => {}
                ErrorCode::UnknownMemberId => self.member_id = Str::default(),
                code => KafkaError::check(code, || "sync group".into(), None)?,
            }
        }
        Err(KafkaError::TooLate(
            format!("joining group {}", self.group),
            30,
        ))
    }

    /// Of the last join.
    pub fn generation(&self) -> i32 {
        self.generation
    }

    /// Whether the member is still one; if not, it is to join again.
    pub async fn heartbeat(&self) -> Result<bool, KafkaError> {
        let request = HeartbeatRequest {
            group_id: self.group.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            ..Default::default()
        };
        let beaten = self.connection.call(&request).await?;
        match beaten.error_code {
            ErrorCode::RebalanceInProgress
            | ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId => Ok(false),
            code => KafkaError::check(code, || "heartbeat".into(), None).map(|()| true),
        }
    }

    /// Commits these offsets. An error of one partition is an error.
    pub async fn commit(&self, positions: &[Position]) -> Result<(), KafkaError> {
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
        let request = OffsetCommitRequest {
            group_id: self.group.clone(),
            generation_id_or_member_epoch: self.generation,
            member_id: self.member_id.clone(),
            topics: topics.collect(),
            ..Default::default()
        };
        let version = self
            .connection
            .version::<OffsetCommitRequest>(OFFSET_COMMIT_VERSION_MAX)?;
        let committed = self.connection.send_in(&request, version)?.await?;
        for partition in committed.topics.iter().flat_map(|topic| &topic.partitions) {
            KafkaError::check(partition.error_code, || "offset commit".into(), None)?;
        }
        Ok(())
    }

    pub async fn leave(self) -> Result<(), KafkaError> {
        let request = LeaveGroupRequest {
            group_id: self.group.clone(),
            member_id: self.member_id.clone(),
            members: vec![MemberIdentity {
                member_id: self.member_id.clone(),
                ..Default::default()
            }],
        };
        let left = self.connection.call(&request).await?;
        KafkaError::check(left.error_code, || "leave group".into(), None)
    }

    fn join_request(&self) -> JoinGroupRequest {
        JoinGroupRequest {
            group_id: self.group.clone(),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: self.member_id.clone(),
            protocol_type: PROTOCOL_TYPE,
            protocols: vec![JoinGroupRequestProtocol {
                name: PROTOCOL,
                metadata: subscription(&self.topics),
            }],
            ..Default::default()
        }
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
                    assignment: assignment(&self.topics, at, members.len()),
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

    async fn committed(&self, assigned: Vec<(Str, i32)>) -> Result<Vec<Position>, KafkaError> {
        let topics = assigned
            .iter()
            .map(|(name, index)| OffsetFetchRequestTopic {
                name: name.clone(),
                partition_indexes: vec![*index],
            });
        let request = OffsetFetchRequest {
            group_id: self.group.clone(),
            topics: Some(topics.collect()),
            ..Default::default()
        };
        let version = self
            .connection
            .version::<OffsetFetchRequest>(OFFSET_FETCH_VERSION_MAX)?;
        let fetched = self.connection.send_in(&request, version)?.await?;
        KafkaError::check(fetched.error_code, || "offset fetch".into(), None)?;
        let mut positions = Vec::new();
        for topic in &fetched.topics {
            for partition in &topic.partitions {
                KafkaError::check(partition.error_code, || "offset fetch".into(), None)?;
                let position = (
                    topic.name.detach(),
                    partition.partition_index,
                    partition.committed_offset,
                );
                positions.push(position);
            }
        }
        Ok(positions)
    }
}

fn put_string(out: &mut BytesMut, text: &str) {
    out.put_i16(text.len() as i16);
    out.put_slice(text.as_bytes());
}

/// `ConsumerProtocolSubscription` v0.
fn subscription(topics: &[Topic]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(0);
    out.put_i32(topics.len() as i32);
    topics
        .iter()
        .for_each(|topic| put_string(&mut out, &topic.name));
    out.put_i32(-1);
    out.freeze()
}

/// `ConsumerProtocolAssignment` v0 of the member at `at` of `members`: of each topic a range, the
/// first members one more.
fn assignment(topics: &[Topic], at: usize, members: usize) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(0);
    out.put_i32(topics.len() as i32);
    for topic in topics {
        let (each, more) = (topic.leaders.len() / members, topic.leaders.len() % members);
        let from = each * at + at.min(more);
        let count = each + usize::from(at < more);
        put_string(&mut out, &topic.name);
        out.put_i32(count as i32);
        (from..from + count).for_each(|partition| out.put_i32(partition as i32));
    }
    out.put_i32(-1);
    out.freeze()
}

/// What there is of it, if it is cut short: it came from a member, through the broker.
fn read_assignment(bytes: &Bytes) -> Vec<(Str, i32)> {
    let mut assigned = Vec::new();
    // Cannot be written otherwise than with early ends.
    let mut read = || -> Option<()> {
        let mut rest = bytes.clone();
        rest.try_get_i16().ok()?;
        for _ in 0..rest.try_get_i32().ok()? {
            let length = usize::try_from(rest.try_get_i16().ok()?).ok()?;
            if rest.remaining() < length {
                return None;
            }
            let name = Str::from_utf8(rest.split_to(length)).ok()?;
            for _ in 0..rest.try_get_i32().ok()? {
                assigned.push((name.detach(), rest.try_get_i32().ok()?));
            }
        }
        Some(())
    };
    read();
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_goes_to_exactly_one_member() {
        let topic = |name: &str, partitions| Topic {
            name: name.into(),
            leaders: vec![0; partitions],
        };
        let topics = [topic("a", 7), topic("b", 2)];
        for members in 1..10 {
            let mut all: Vec<(Str, i32)> = (0..members)
                .flat_map(|at| read_assignment(&assignment(&topics, at, members)))
                .collect();
            all.sort();
            let expected: Vec<(Str, i32)> = (0..7)
                .map(|index| ("a".into(), index))
                .chain((0..2).map(|index| ("b".into(), index)))
                .collect();
            assert_eq!(all, expected, "{members} members");
        }
    }

    #[test]
    fn an_assignment_that_is_cut_short_is_read_as_far_as_it_goes() {
        let topics = [Topic {
            name: "a".into(),
            leaders: vec![0; 3],
        }];
        let whole = assignment(&topics, 0, 1);
        for length in 0..whole.len() {
            assert!(read_assignment(&whole.slice(..length)).len() <= 3);
        }
        assert_eq!(read_assignment(&Bytes::new()), []);
    }
}
