//! Fetch: record batches from given offsets on; for consumers and followers.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Records, Str};

table! {
    /// v7 has sessions (KIP-227), v12 finds divergence on the way (KIP-595), v13 names topics by
    /// id, v18 carries the follower's high watermark.
    struct FetchRequest (Fetch 4..=18, flexible 12) {
        cluster_id: Option<Str>, in 12.., tag 0;
        /// -1 for consumers; from v15 in `replica_state`.
        replica_id: i32 = -1, in ..=14;
        /// Who the follower is, with the epoch of its start (KIP-903).
        replica_state: ReplicaState, in 15.., tag 1;
        /// How long to wait for `min_bytes`.
        max_wait_ms: i32;
        min_bytes: i32;
        /// Of the whole answer. The first batch is sent even if it is larger (KIP-74).
        max_bytes: i32 = i32::MAX;
        /// 0: all records; 1: only those below the last stable offset.
        isolation_level: i8;
        /// 0 with `session_epoch` 0 asks for a new session, with -1 for none.
        session_id: i32, in 7..;
        session_epoch: i32 = -1, in 7..;
        topics: Vec<FetchTopic>;
        /// What to take out of the session.
        forgotten_topics_data: Vec<ForgottenTopic>, in 7..;
        /// Lets the broker name a nearer replica (KIP-392).
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
        /// The epoch that the client believes in; older ones are fenced, newer ones unknown
        /// (KIP-320).
        current_leader_epoch: i32 = -1, in 9..;
        fetch_offset: i64;
        /// Epoch of the last record that the follower has; -1 turns the check off.
        last_fetched_epoch: i32 = -1, in 12..;
        /// Of the follower. Consumers send -1.
        log_start_offset: i64 = -1, in 5..;
        partition_max_bytes: i32;
        replica_directory_id: Uuid, in 17.., tag 0;
        /// Of the follower; by default more than any log has (KIP-1166).
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
        /// Of the whole request: session and version errors.
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
        /// -1 beside an error.
        high_watermark: i64;
        /// Every transaction below it is decided.
        last_stable_offset: i64 = -1;
        log_start_offset: i64 = -1, in 5..;
        /// Set if the follower must truncate: the largest epoch that both know, and where it ends.
        diverging_epoch: EpochEndOffset, in 12.., tag 0;
        current_leader: LeaderIdAndEpoch, in 12.., tag 1;
        /// Only metadata quorums of Kafka have snapshots to fetch.
        snapshot_id: SnapshotId, in 12.., tag 2;
        /// Null unless the request was read-committed.
        aborted_transactions: Option<Vec<AbortedTransaction>> = Some(Vec::new());
        /// -1: keep reading here.
        preferred_read_replica: i32 = -1, in 11..;
        /// Sent from where they lie; a batch at the end may be cut short.
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
