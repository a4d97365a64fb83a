//! DescribeTopicPartitions: partitions of topics, page by page (KIP-966).

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeTopicPartitionsRequest (DescribeTopicPartitions 0..=0, flexible 0) {
        topics: Vec<TopicRequest>;
        response_partition_limit: i32 = 2000;
        /// Where to go on; topics come in the order of their names.
        cursor: Option<Cursor>;
    }

    struct TopicRequest {
        name: Str;
    }

    struct Cursor {
        topic_name: Str;
        partition_index: i32;
    }
}

table! {
    struct DescribeTopicPartitionsResponse (DescribeTopicPartitions 0..=0, flexible 0) {
        throttle_time_ms: i32;
        topics: Vec<DescribeTopicPartitionsResponseTopic>;
        next_cursor: Option<Cursor>;
    }

    struct DescribeTopicPartitionsResponseTopic {
        error_code: ErrorCode;
        name: Option<Str> = Some(Str::default());
        topic_id: Uuid;
        is_internal: bool;
        partitions: Vec<DescribeTopicPartitionsResponsePartition>;
        topic_authorized_operations: i32 = i32::MIN;
    }

    struct DescribeTopicPartitionsResponsePartition {
        error_code: ErrorCode;
        partition_index: i32;
        leader_id: i32;
        leader_epoch: i32 = -1;
        replica_nodes: Vec<i32>;
        isr_nodes: Vec<i32>;
        /// Replicas outside of the ISR that have everything up to the high watermark.
        eligible_leader_replicas: Option<Vec<i32>>;
        last_known_elr: Option<Vec<i32>>;
        offline_replicas: Vec<i32>;
    }
}
