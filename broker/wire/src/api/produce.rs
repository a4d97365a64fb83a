//! Produce: record batches to append, and where they landed.

use bytes::Bytes;
use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ProduceRequest (Produce 3..=13, flexible 9) {
        transactional_id: Option<Str>;
        acks: i16;
        timeout_ms: i32;
        topic_data: Vec<TopicProduceData>;
    }

    struct TopicProduceData {
        name: Str, in ..=12;
        topic_id: Uuid, in 13..;
        partition_data: Vec<PartitionProduceData>;
    }

    struct PartitionProduceData {
        index: i32;
        records: Option<Bytes> = Some(Bytes::new());
    }
}

table! {
    struct ProduceResponse (Produce 3..=13, flexible 9) {
        responses: Vec<TopicProduceResponse>;
        throttle_time_ms: i32;
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
        base_offset: i64;
        log_append_time_ms: i64 = -1;
        log_start_offset: i64 = -1, in 5..;
        record_errors: Vec<BatchIndexAndErrorMessage>, in 8..;
        error_message: Option<Str>, in 8..;
        current_leader: LeaderIdAndEpoch, in 10.., tag 0;
    }

    struct BatchIndexAndErrorMessage {
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
