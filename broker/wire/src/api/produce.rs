//! Produce: record batches to append, and where they landed.

use bytes::Bytes;
use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    /// v0–2 are refused, though ApiVersions advertises them (KAFKA-18659). v7 allows zstd, v13
    /// names topics by id (KIP-516).
    struct ProduceRequest (Produce 3..=13, flexible 9) {
        transactional_id: Option<Str>;
        /// 0: no answer at all; 1: written by the leader; -1: on every in-sync replica.
        acks: i16;
        timeout_ms: i32;
        topic_data: Vec<TopicProduceData>;
    }

    struct TopicProduceData {
        name: Str, in ..=12;
        /// Zero before v13.
        topic_id: Uuid, in 13..;
        partition_data: Vec<PartitionProduceData>;
    }

    struct PartitionProduceData {
        index: i32;
        /// A slice of the received frame: record batches, not looked into here.
        records: Option<Bytes> = Some(Bytes::new());
    }
}

table! {
    struct ProduceResponse (Produce 3..=13, flexible 9) {
        responses: Vec<TopicProduceResponse>;
        throttle_time_ms: i32;
        /// Where the leaders are that `current_leader` names (KIP-951).
        node_endpoints: Vec<NodeEndpoint>, in 10.., tag 0;
    }

    struct TopicProduceResponse {
        name: Str, in ..=12;
        topic_id: Uuid, in 13..;
        partition_responses: Vec<PartitionProduceResponse>;
    }

    struct PartitionProduceResponse {
        index: i32;
        error_code: ErrorCode;
        /// The offset that the first record was given.
        base_offset: i64;
        /// -1 unless the topic stamps records with the time of their append.
        log_append_time_ms: i64 = -1;
        log_start_offset: i64 = -1, in 5..;
        /// The records to blame when a batch was refused (KIP-467).
        record_errors: Vec<BatchIndexAndErrorMessage>, in 8..;
        error_message: Option<Str>, in 8..;
        /// Sent with NOT_LEADER_OR_FOLLOWER, so that the client need not ask for metadata.
        current_leader: LeaderIdAndEpoch, in 10.., tag 0;
    }

    struct BatchIndexAndErrorMessage {
        /// Counts the records of the batch from 0.
        batch_index: i32;
        batch_index_error_message: Option<Str>;
    }

    struct LeaderIdAndEpoch {
        leader_id: i32 = -1;
        leader_epoch: i32 = -1;
    }

    struct NodeEndpoint {
        node_id: i32;
        host: Str;
        port: i32;
        rack: Option<Str>;
    }
}
