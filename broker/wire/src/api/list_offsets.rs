//! ListOffsets: offsets by timestamp, and the ends of a partition.

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ListOffsetsRequest (ListOffsets 1..=11, flexible 6) {
        /// -1 for consumers.
        replica_id: i32;
        isolation_level: i8, in 2..;
        topics: Vec<ListOffsetsTopic>;
        /// For answers that remote storage must give.
        timeout_ms: i32, in 10..;
    }

    struct ListOffsetsTopic {
        name: Str;
        partitions: Vec<ListOffsetsPartition>;
    }

    struct ListOffsetsPartition {
        partition_index: i32;
        current_leader_epoch: i32 = -1, in 4..;
        /// Milliseconds, or -1 latest, -2 earliest, -3 of the largest timestamp (v7), -4 earliest
        /// local (v8), -5 latest tiered (v9), -6 earliest not yet uploaded (v11).
        timestamp: i64;
    }
}

table! {
    struct ListOffsetsResponse (ListOffsets 1..=11, flexible 6) {
        throttle_time_ms: i32, in 2..;
        topics: Vec<ListOffsetsTopicResponse>;
    }

    struct ListOffsetsTopicResponse {
        name: Str;
        partitions: Vec<ListOffsetsPartitionResponse>;
    }

    struct ListOffsetsPartitionResponse {
        partition_index: i32;
        error_code: ErrorCode;
        /// -1 if the offset was not asked for by time, or no record is that young.
        timestamp: i64 = -1;
        /// -1 if no record is that young.
        offset: i64 = -1;
        leader_epoch: i32 = -1, in 4..;
    }
}
