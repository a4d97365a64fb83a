//! AlterReplicaLogDirs: moves replicas to other log directories of their broker (KIP-113).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AlterReplicaLogDirsRequest (AlterReplicaLogDirs 1..=2, flexible 2) {
        dirs: Vec<AlterReplicaLogDir>;
    }

    struct AlterReplicaLogDir {
        /// Absolute.
        path: Str;
        topics: Vec<AlterReplicaLogDirTopic>;
    }

    struct AlterReplicaLogDirTopic {
        name: Str;
        partitions: Vec<i32>;
    }
}

table! {
    struct AlterReplicaLogDirsResponse (AlterReplicaLogDirs 1..=2, flexible 2) {
        throttle_time_ms: i32;
        results: Vec<AlterReplicaLogDirTopicResult>;
    }

    struct AlterReplicaLogDirTopicResult {
        topic_name: Str;
        partitions: Vec<AlterReplicaLogDirPartitionResult>;
    }

    struct AlterReplicaLogDirPartitionResult {
        partition_index: i32;
        error_code: ErrorCode;
    }
}
