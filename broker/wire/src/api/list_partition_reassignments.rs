//! ListPartitionReassignments: which partitions are on the move (KIP-455).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ListPartitionReassignmentsRequest (ListPartitionReassignments 0..=0, flexible 0) {
        timeout_ms: i32 = 60000;
        /// Null asks for all of them.
        topics: Option<Vec<ListPartitionReassignmentsTopics>>;
    }

    struct ListPartitionReassignmentsTopics {
        name: Str;
        partition_indexes: Vec<i32>;
    }
}

table! {
    struct ListPartitionReassignmentsResponse (ListPartitionReassignments 0..=0, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        topics: Vec<OngoingTopicReassignment>;
    }

    struct OngoingTopicReassignment {
        name: Str;
        partitions: Vec<OngoingPartitionReassignment>;
    }

    struct OngoingPartitionReassignment {
        partition_index: i32;
        replicas: Vec<i32>;
        adding_replicas: Vec<i32>;
        removing_replicas: Vec<i32>;
    }
}
