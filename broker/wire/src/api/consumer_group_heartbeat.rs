//! ConsumerGroupHeartbeat: a member joins, says what it has, is told what it gets, and leaves, all
//! by heartbeats (KIP-848).

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    /// What is null has not changed since the member last said it.
    struct ConsumerGroupHeartbeatRequest (ConsumerGroupHeartbeat 0..=1, flexible 0) {
        group_id: Str;
        /// Made by the member; in v0 it may be empty on joining, and the answer has one then.
        member_id: Str;
        /// 0 joins, -1 leaves, -2 is a static member that means to come back.
        member_epoch: i32;
        instance_id: Option<Str>;
        rack_id: Option<Str>;
        /// How long the member may take to give partitions back; -1 if it has not changed.
        rebalance_timeout_ms: i32 = -1;
        subscribed_topic_names: Option<Vec<Str>>;
        /// Added to the names; empty takes an earlier one back.
        subscribed_topic_regex: Option<Str>, in 1..;
        server_assignor: Option<Str>;
        /// The partitions that the member has.
        topic_partitions: Option<Vec<ConsumerGroupHeartbeatTopicPartitions>>;
    }
}

table! {
    struct ConsumerGroupHeartbeatResponse (ConsumerGroupHeartbeat 0..=1, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str>;
        member_id: Option<Str>;
        member_epoch: i32;
        heartbeat_interval_ms: i32;
        /// Null if it has not changed.
        assignment: Option<ConsumerGroupHeartbeatAssignment>;
    }

    struct ConsumerGroupHeartbeatAssignment {
        topic_partitions: Vec<ConsumerGroupHeartbeatTopicPartitions>;
    }

    struct ConsumerGroupHeartbeatTopicPartitions {
        topic_id: Uuid;
        partitions: Vec<i32>;
    }
}
