//! Metadata: brokers, topics, partitions and their leaders.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct MetadataRequest (Metadata 0..=13, flexible 9) {
        /// Null asks for all topics, an empty list for none; in v0 the empty list asks for all.
        topics: Option<Vec<MetadataRequestTopic>> = Some(Vec::new()), nullable 1..;
        allow_auto_topic_creation: bool = true, in 4..;
        include_cluster_authorized_operations: bool, in 8..=10;
        include_topic_authorized_operations: bool, in 8..;
    }

    struct MetadataRequestTopic {
        topic_id: Uuid, in 10..;
        /// Null if the topic is named by id.
        name: Option<Str> = Some(Str::default()), nullable 10..;
    }
}

table! {
    struct MetadataResponse (Metadata 0..=13, flexible 9) {
        throttle_time_ms: i32, in 3..;
        brokers: Vec<MetadataResponseBroker>;
        cluster_id: Option<Str>, in 2..;
        /// Where to send what only the controller may do; any broker that forwards will serve.
        controller_id: i32 = -1, in 1..;
        topics: Vec<MetadataResponseTopic>;
        /// A bit per operation; `i32::MIN` if it was not asked for.
        cluster_authorized_operations: i32 = i32::MIN, in 8..=10;
        /// REBOOTSTRAP_REQUIRED sends the client back to its bootstrap servers (KIP-1102).
        error_code: ErrorCode, in 13..;
    }

    struct MetadataResponseBroker {
        node_id: i32;
        host: Str;
        port: i32;
        rack: Option<Str>, in 1..;
    }

    struct MetadataResponseTopic {
        error_code: ErrorCode;
        /// Null if an unknown id was asked for.
        name: Option<Str> = Some(Str::default()), nullable 12..;
        topic_id: Uuid, in 10..;
        is_internal: bool, in 1..;
        partitions: Vec<MetadataResponsePartition>;
        /// A bit per operation; `i32::MIN` if it was not asked for.
        topic_authorized_operations: i32 = i32::MIN, in 8..;
    }

    struct MetadataResponsePartition {
        error_code: ErrorCode;
        partition_index: i32;
        /// -1 if there is no leader.
        leader_id: i32;
        leader_epoch: i32 = -1, in 7..;
        replica_nodes: Vec<i32>;
        isr_nodes: Vec<i32>;
        offline_replicas: Vec<i32>, in 5..;
    }
}
