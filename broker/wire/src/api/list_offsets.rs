//! ListOffsets: offsets by timestamp, and the ends of a partition.

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ListOffsetsRequest (ListOffsets 1..=11, flexible 6) {
        replica_id: i32;
        isolation_level: i8, in 2..;
        topics: Vec<ListOffsetsTopic>;
        timeout_ms: i32, in 10..;
    }

    struct ListOffsetsTopic {
        name: Str;
        partitions: Vec<ListOffsetsPartition>;
    }

    struct ListOffsetsPartition {
        partition_index: i32;
        current_leader_epoch: i32 = -1, in 4..;
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
        timestamp: i64 = -1;
        offset: i64 = -1;
        leader_epoch: i32 = -1, in 4..;
    }
}
