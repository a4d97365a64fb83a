//! DescribeLogDirs: what each log directory holds, and its space (KIP-113, KIP-827,
//! KIP-1066).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeLogDirsRequest (DescribeLogDirs 1..=5, flexible 2) {
        /// Null asks for all of them.
        topics: Option<Vec<DescribableLogDirTopic>> = Some(Vec::new());
    }

    struct DescribableLogDirTopic {
        topic: Str;
        partitions: Vec<i32>;
    }
}

table! {
    struct DescribeLogDirsResponse (DescribeLogDirs 1..=5, flexible 2) {
        throttle_time_ms: i32;
        error_code: ErrorCode, in 3..;
        results: Vec<DescribeLogDirsResult>;
    }

    struct DescribeLogDirsResult {
        error_code: ErrorCode;
        log_dir: Str;
        topics: Vec<DescribeLogDirsTopic>;
        total_bytes: i64 = -1, in 4..;
        usable_bytes: i64 = -1, in 4..;
        /// Takes no new partitions.
        is_cordoned: bool, in 5..;
    }

    struct DescribeLogDirsTopic {
        name: Str;
        partitions: Vec<DescribeLogDirsPartition>;
    }

    struct DescribeLogDirsPartition {
        partition_index: i32;
        partition_size: i64;
        offset_lag: i64;
        /// The log is a copy on its way to another directory.
        is_future_key: bool;
    }
}
