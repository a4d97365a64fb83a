//! A member of a consumer group on a ring: what it asks and makes of the answers is
//! `naru_client::Membership`.

use std::time::Duration;

use naru_client::{
    KafkaError, Membership, Next, OFFSET_COMMIT_VERSION_MAX, OFFSET_FETCH_VERSION_MAX, Position,
    Topic,
};
use naru_runtime::Handle;
use naru_wire::api::find_coordinator::FindCoordinatorRequest;
use naru_wire::api::offset_commit::OffsetCommitRequest;
use naru_wire::api::offset_fetch::OffsetFetchRequest;

use super::connection::Connection;

/// The last version that names one group in the request.
const FIND_COORDINATOR_VERSION_MAX: i16 = 3;

/// A coordinator that is still loading is asked again after this.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);
const RETRIES_MAX: u32 = 600;

/// One member. Its requests go over a connection of their own, as a join may wait for long.
pub struct Member {
    handle: Handle,
    connection: Connection,
    membership: Membership,
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
            let what = || format!("find the coordinator of {group}");
            tries += 1;
            match KafkaError::check(found.error_code, what, found.error_message.as_ref()) {
                Ok(()) => break found,
                Err(error) if !error.is_passing() || tries > RETRIES_MAX => return Err(error),
                Err(_) => handle.sleep(RETRY_INTERVAL).await,
            }
        };
        let address = format!("{}:{}", found.host, found.port);
        Ok(Self {
            handle: handle.clone(),
            connection: Connection::open(handle, &address).await?,
            membership: Membership::new(group, topics),
        })
    }

    /// Joins, or joins again, and waits for the assignment: topics and partitions, with the offsets
    /// that the group has committed (-1: none).
    pub async fn join(&mut self) -> Result<Vec<Position>, KafkaError> {
        for _ in 0..RETRIES_MAX {
            let joined = self
                .connection
                .call(&self.membership.join_request())
                .await?;
            let request = match self.membership.joined(&joined)? {
                Next::Go(request) => request,
                Next::Join => continue,
                Next::JoinLater => {
                    self.handle.sleep(RETRY_INTERVAL).await;
                    continue;
                }
            };
            let synced = self.connection.call(&request).await?;
            if let Next::Go(assigned) = self.membership.synced(&synced)? {
                let request = self.membership.offsets_request(&assigned);
                let version = self
                    .connection
                    .version::<OffsetFetchRequest>(OFFSET_FETCH_VERSION_MAX)?;
                let fetched = self.connection.send_in(&request, version)?.await?;
                return Membership::offsets(&fetched);
            }
        }
        let what = format!("joining group {}", self.membership.group());
        Err(KafkaError::TooLate(what, 30))
    }

    /// Of the last join.
    pub fn generation(&self) -> i32 {
        self.membership.generation()
    }

    /// Whether the member is still one; if not, it is to join again.
    pub async fn heartbeat(&self) -> Result<bool, KafkaError> {
        let request = self.membership.heartbeat_request();
        Membership::is_member(&self.connection.call(&request).await?)
    }

    /// Commits these offsets. An error of one partition is an error.
    pub async fn commit(&self, positions: &[Position]) -> Result<(), KafkaError> {
        let request = self.membership.commit_request(positions);
        let version = self
            .connection
            .version::<OffsetCommitRequest>(OFFSET_COMMIT_VERSION_MAX)?;
        Membership::committed(&self.connection.send_in(&request, version)?.await?)
    }

    /// Leaves, so that the others need not wait for the session to end.
    pub async fn leave(self) -> Result<(), KafkaError> {
        let left = self
            .connection
            .call(&self.membership.leave_request())
            .await?;
        KafkaError::check(left.error_code, || "leave group".into(), None)
    }
}
