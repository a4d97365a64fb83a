//! DescribeProducers: the idempotent and transactional producers that a partition knows (KIP-664).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeProducersRequest (DescribeProducers 0..=0, flexible 0) {
        topics: Vec<TopicRequest>;
    }

    struct TopicRequest {
        name: Str;
        partition_indexes: Vec<i32>;
    }
}

table! {
    struct DescribeProducersResponse (DescribeProducers 0..=0, flexible 0) {
        throttle_time_ms: i32;
        topics: Vec<TopicResponse>;
    }

    struct TopicResponse {
        name: Str;
        partitions: Vec<PartitionResponse>;
    }

    struct PartitionResponse {
        partition_index: i32;
        error_code: ErrorCode;
        error_message: Option<Str>;
        active_producers: Vec<ProducerState>;
    }

    struct ProducerState {
        producer_id: i64;
        producer_epoch: i32;
        last_sequence: i32 = -1;
        last_timestamp: i64 = -1;
        coordinator_epoch: i32;
        /// -1 if no transaction is open.
        current_txn_start_offset: i64 = -1;
    }
}
