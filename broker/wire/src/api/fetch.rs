//! Fetch: record batches from given offsets on; for consumers and followers.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Records, Str};

table! {
    struct FetchRequest (Fetch 4..=18, flexible 12) {
        cluster_id: Option<Str>, in 12.., tag 0;
        replica_id: i32 = -1, in ..=14;
        replica_state: ReplicaState, in 15.., tag 1;
        max_wait_ms: i32;
        min_bytes: i32;
        max_bytes: i32 = i32::MAX;
        isolation_level: i8;
        session_id: i32, in 7..;
        session_epoch: i32 = -1, in 7..;
        topics: Vec<FetchTopic>;
        forgotten_topics_data: Vec<ForgottenTopic>, in 7..;
        rack_id: Str, in 11..;
    }

    struct ReplicaState {
        replica_id: i32 = -1;
        replica_epoch: i64 = -1;
    }

    struct FetchTopic {
        topic: Str, in ..=12;
        topic_id: Uuid, in 13..;
        partitions: Vec<FetchPartition>;
    }

    struct FetchPartition {
        partition: i32;
        current_leader_epoch: i32 = -1, in 9..;
        fetch_offset: i64;
        last_fetched_epoch: i32 = -1, in 12..;
        log_start_offset: i64 = -1, in 5..;
        partition_max_bytes: i32;
        replica_directory_id: Uuid, in 17.., tag 0;
        high_watermark: i64 = i64::MAX, in 18.., tag 1;
    }

    struct ForgottenTopic {
        topic: Str, in ..=12;
        topic_id: Uuid, in 13..;
        partitions: Vec<i32>;
    }
}

table! {
    struct FetchResponse (Fetch 4..=18, flexible 12) {
        throttle_time_ms: i32;
        error_code: ErrorCode, in 7..;
        session_id: i32, in 7..;
        responses: Vec<FetchableTopicResponse>;
        node_endpoints: Vec<NodeEndpoint>, in 16.., tag 0;
    }

    struct FetchableTopicResponse {
        topic: Str, in ..=12;
        topic_id: Uuid, in 13..;
        partitions: Vec<PartitionData>;
    }

    struct PartitionData {
        partition_index: i32;
        error_code: ErrorCode;
        high_watermark: i64;
        last_stable_offset: i64 = -1;
        log_start_offset: i64 = -1, in 5..;
        diverging_epoch: EpochEndOffset, in 12.., tag 0;
        current_leader: LeaderIdAndEpoch, in 12.., tag 1;
        snapshot_id: SnapshotId, in 12.., tag 2;
        aborted_transactions: Option<Vec<AbortedTransaction>> = Some(Vec::new());
        preferred_read_replica: i32 = -1, in 11..;
        records: Option<Records> = Some(Records::default());
    }

    struct EpochEndOffset {
        epoch: i32 = -1;
        end_offset: i64 = -1;
    }

    struct LeaderIdAndEpoch {
        leader_id: i32 = -1;
        leader_epoch: i32 = -1;
    }

    struct SnapshotId {
        end_offset: i64 = -1;
        epoch: i32 = -1;
    }

    struct AbortedTransaction {
        producer_id: i64;
        first_offset: i64;
    }

    struct NodeEndpoint {
        node_id: i32;
        host: Str;
        port: i32;
        rack: Option<Str>;
    }
}
