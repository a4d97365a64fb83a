//! ElectLeaders: makes the preferred replicas lead again, or any that is left (KIP-460).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ElectLeadersRequest (ElectLeaders 0..=2, flexible 2) {
        /// 0 preferred, 1 unclean.
        election_type: i8, in 1..;
        /// Null asks for all partitions.
        topic_partitions: Option<Vec<TopicPartitions>> = Some(Vec::new());
        timeout_ms: i32 = 60000;
    }

    struct TopicPartitions {
        topic: Str;
        partitions: Vec<i32>;
    }
}

table! {
    struct ElectLeadersResponse (ElectLeaders 0..=2, flexible 2) {
        throttle_time_ms: i32;
        error_code: ErrorCode, in 1..;
        replica_election_results: Vec<ReplicaElectionResult>;
    }

    struct ReplicaElectionResult {
        topic: Str;
        partition_result: Vec<PartitionResult>;
    }

    struct PartitionResult {
        partition_id: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
    }
}
