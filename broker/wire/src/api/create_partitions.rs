//! CreatePartitions: more partitions for existing topics (KIP-195).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct CreatePartitionsRequest (CreatePartitions 0..=3, flexible 2) {
        topics: Vec<CreatePartitionsTopic>;
        timeout_ms: i32;
        validate_only: bool;
    }

    struct CreatePartitionsTopic {
        name: Str;
        /// How many there shall be in all.
        count: i32;
        /// Of the new partitions; null leaves it to the broker.
        assignments: Option<Vec<CreatePartitionsAssignment>> = Some(Vec::new());
    }

    struct CreatePartitionsAssignment {
        broker_ids: Vec<i32>;
    }
}

table! {
    struct CreatePartitionsResponse (CreatePartitions 0..=3, flexible 2) {
        throttle_time_ms: i32;
        results: Vec<CreatePartitionsTopicResult>;
    }

    struct CreatePartitionsTopicResult {
        name: Str;
        error_code: ErrorCode;
        error_message: Option<Str>;
    }
}
