//! DeleteRecords: raises the log start offset of partitions (KIP-107).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DeleteRecordsRequest (DeleteRecords 0..=2, flexible 2) {
        topics: Vec<DeleteRecordsTopic>;
        timeout_ms: i32;
    }

    struct DeleteRecordsTopic {
        name: Str;
        partitions: Vec<DeleteRecordsPartition>;
    }

    struct DeleteRecordsPartition {
        partition_index: i32;
        /// Records below it go; -1 stands for the high watermark.
        offset: i64;
    }
}

table! {
    struct DeleteRecordsResponse (DeleteRecords 0..=2, flexible 2) {
        throttle_time_ms: i32;
        topics: Vec<DeleteRecordsTopicResult>;
    }

    struct DeleteRecordsTopicResult {
        name: Str;
        partitions: Vec<DeleteRecordsPartitionResult>;
    }

    struct DeleteRecordsPartitionResult {
        partition_index: i32;
        low_watermark: i64;
        error_code: ErrorCode;
    }
}
