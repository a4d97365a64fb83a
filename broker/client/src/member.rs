//! [`Member`]: a [`Membership`] of the blocking client.

use std::thread::sleep;
use std::time::{Duration, Instant};

use naru_wire::{ErrorCode, Request};

use crate::membership::{Membership, Next, Position};
use crate::membership::{OFFSET_COMMIT_VERSION_MAX, OFFSET_FETCH_VERSION_MAX};
use crate::{Cluster, CoordinatorKind, KafkaError, Topic};

/// A group that is busy is asked again after this.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// How long a join may be held until all members have come.
const JOIN_HELD_MAX: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Member {
    membership: Membership,
}

impl Member {
    /// A member that has not joined yet.
    pub fn new(group: &str, topics: Vec<Topic>) -> Self {
        Self {
            membership: Membership::new(group, topics),
        }
    }

    /// Joins, or joins again, and waits for the assignment: topics and partitions, with the offsets
    /// that the group has committed (-1: none).
    ///
    /// # Errors
    /// When the group does not take this member, or not in time.
    pub fn join(&mut self, cluster: &mut Cluster) -> Result<Vec<Position>, KafkaError> {
        let deadline = Instant::now() + JOIN_HELD_MAX + cluster.settings().request_time_max;
        while Instant::now() < deadline {
            let request = self.membership.join_request();
            let joined = self.ask(cluster, &request, i16::MAX, JOIN_HELD_MAX)?;
            let synced = match self.membership.joined(&joined)? {
                Next::Go(request) => self.ask(cluster, &request, i16::MAX, JOIN_HELD_MAX)?,
                Next::Join => continue,
                Next::JoinLater => {
                    sleep(RETRY_INTERVAL);
                    continue;
                }
            };
            if let Next::Go(assigned) = self.membership.synced(&synced)? {
                let request = self.membership.offsets_request(&assigned);
                let version_max = OFFSET_FETCH_VERSION_MAX;
                let fetched = self.ask(cluster, &request, version_max, Duration::ZERO)?;
                return Membership::offsets(&fetched);
            }
        }
        let what = format!("joining group {}", self.membership.group());
        Err(KafkaError::TooLate(what, JOIN_HELD_MAX.as_secs()))
    }

    /// Whether the member is still one; if not, it is to join again.
    ///
    /// # Errors
    /// When the group is refused, or its coordinator cannot be reached.
    pub fn heartbeat(&self, cluster: &mut Cluster) -> Result<bool, KafkaError> {
        let request = self.membership.heartbeat_request();
        let beaten = self.ask(cluster, &request, i16::MAX, Duration::ZERO)?;
        Membership::is_member(&beaten)
    }

    /// Commits these offsets. An error of one partition is an error.
    ///
    /// # Errors
    /// When the group has gone on without this member, or its coordinator cannot be reached.
    pub fn commit(&self, cluster: &mut Cluster, positions: &[Position]) -> Result<(), KafkaError> {
        if positions.is_empty() {
            return Ok(());
        }
        let request = self.membership.commit_request(positions);
        let version_max = OFFSET_COMMIT_VERSION_MAX;
        let committed = self.ask(cluster, &request, version_max, Duration::ZERO)?;
        Membership::committed(&committed)
    }

    /// Leaves, so that the others need not wait for the session to end.
    ///
    /// # Errors
    /// When the coordinator refuses, or cannot be reached.
    pub fn leave(&self, cluster: &mut Cluster) -> Result<(), KafkaError> {
        let request = self.membership.leave_request();
        let left = self.ask(cluster, &request, i16::MAX, Duration::ZERO)?;
        match left.error_code {
            ErrorCode::UnknownMemberId => Ok(()),
            code => KafkaError::check(code, || "leave group".into(), None),
        }
    }

    fn ask<R: Request>(
        &self,
        cluster: &mut Cluster,
        request: &R,
        version_max: i16,
        held: Duration,
    ) -> Result<R::Response, KafkaError> {
        let group = self.membership.group();
        let node_id = cluster.coordinator(CoordinatorKind::Group, group)?;
        cluster.call_node_within(node_id, request, version_max, held)
    }
}
