//! DescribeQuorum: who keeps the cluster's metadata, and how far they are (KIP-595, KIP-836,
//! KIP-853).

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeQuorumRequest (DescribeQuorum 0..=2, flexible 0) {
        topics: Vec<TopicRequest>;
    }

    struct TopicRequest {
        topic_name: Str;
        partitions: Vec<PartitionRequest>;
    }

    struct PartitionRequest {
        partition_index: i32;
    }
}

table! {
    struct DescribeQuorumResponse (DescribeQuorum 0..=2, flexible 0) {
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default()), in 2..;
        topics: Vec<TopicData>;
        nodes: Vec<Node>, in 2..;
    }

    struct TopicData {
        topic_name: Str;
        partitions: Vec<PartitionData>;
    }

    struct PartitionData {
        partition_index: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default()), in 2..;
        /// -1 if it is not known.
        leader_id: i32;
        leader_epoch: i32;
        high_watermark: i64;
        current_voters: Vec<ReplicaState>;
        observers: Vec<ReplicaState>;
    }

    struct ReplicaState {
        replica_id: i32;
        replica_directory_id: Uuid, in 2..;
        /// -1 if it is not known.
        log_end_offset: i64;
        /// ms since 1970; -1 if it is not known.
        last_fetch_timestamp: i64 = -1, in 1..;
        /// ms since 1970; -1 if it is not known.
        last_caught_up_timestamp: i64 = -1, in 1..;
    }

    struct Node {
        node_id: i32;
        listeners: Vec<Listener>;
    }

    struct Listener {
        name: Str;
        host: Str;
        port: u16;
    }
}
