//! What goes in and out, close to Kafka's messages of the same names.

use super::super::records::consumer::Partitions;

/// ConsumerGroupHeartbeat. What is `None` has not changed.
#[derive(Clone, Debug, Default)]
pub struct ConsumerHeartbeat {
    pub group_id: String,
    /// Empty when a member of v0 joins.
    pub member_id: String,
    /// See [`JOINING`], [`LEAVING`] and [`LEAVING_FOR_NOW`].
    pub epoch: i32,
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub rebalance_timeout_ms: Option<i32>,
    pub topic_names: Option<Vec<String>>,
    pub topic_regex: Option<String>,
    pub server_assignor: Option<String>,
    /// What the member has.
    pub owned: Option<Partitions>,
    pub client_id: String,
    pub client_host: String,
    /// v1 and later: the member comes with an id of its own.
    pub requires_member_id: bool,
}

/// The epoch of a member that joins.
pub const JOINING: i32 = 0;
/// The epoch of a member that leaves.
pub const LEAVING: i32 = -1;
/// The epoch of a static member that leaves and means to come back.
pub const LEAVING_FOR_NOW: i32 = -2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerHeartbeatResponse {
    pub member_id: String,
    pub epoch: i32,
    pub heartbeat_interval_ms: i32,
    /// `None`: as it was.
    pub assignment: Option<Partitions>,
}

/// A group as ConsumerGroupDescribe shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerDescription {
    pub state: &'static str,
    pub epoch: i32,
    pub assignment_epoch: i32,
    pub assignor: &'static str,
    pub members: Vec<ConsumerMemberDescription>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerMemberDescription {
    pub member_id: String,
    pub instance_id: Option<String>,
    pub rack_id: Option<String>,
    pub epoch: i32,
    pub client_id: String,
    pub client_host: String,
    pub topic_names: Vec<String>,
    pub topic_regex: Option<String>,
    /// With what it has to give back.
    pub assigned: Partitions,
    pub target: Partitions,
    pub is_classic: bool,
}
