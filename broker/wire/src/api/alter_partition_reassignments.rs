//! AlterPartitionReassignments: moves partitions to other brokers, or calls that off (KIP-455).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AlterPartitionReassignmentsRequest (AlterPartitionReassignments 0..=1, flexible 0) {
        timeout_ms: i32 = 60000;
        allow_replication_factor_change: bool = true, in 1..;
        topics: Vec<ReassignableTopic>;
    }

    struct ReassignableTopic {
        name: Str;
        partitions: Vec<ReassignablePartition>;
    }

    struct ReassignablePartition {
        partition_index: i32;
        /// Null calls off what is under way.
        replicas: Option<Vec<i32>>;
    }
}

table! {
    struct AlterPartitionReassignmentsResponse (AlterPartitionReassignments 0..=1, flexible 0) {
        throttle_time_ms: i32;
        allow_replication_factor_change: bool = true, in 1..;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        responses: Vec<ReassignableTopicResponse>;
    }

    struct ReassignableTopicResponse {
        name: Str;
        partitions: Vec<ReassignablePartitionResponse>;
    }

    struct ReassignablePartitionResponse {
        partition_index: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
    }
}
