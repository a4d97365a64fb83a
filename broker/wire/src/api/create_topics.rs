//! CreateTopics: new topics, with partitions, replicas and configs.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct CreateTopicsRequest (CreateTopics 2..=7, flexible 5) {
        topics: Vec<CreatableTopic>;
        timeout_ms: i32 = 60000;
        /// Check everything, create nothing.
        validate_only: bool;
    }

    struct CreatableTopic {
        name: Str;
        /// -1 for the default of the broker (KIP-464), also where `assignments` decide.
        num_partitions: i32;
        /// -1 as for `num_partitions`.
        replication_factor: i16;
        assignments: Vec<CreatableReplicaAssignment>;
        configs: Vec<CreatableTopicConfig>;
    }

    struct CreatableReplicaAssignment {
        partition_index: i32;
        broker_ids: Vec<i32>;
    }

    struct CreatableTopicConfig {
        name: Str;
        value: Option<Str> = Some(Str::default());
    }
}

table! {
    struct CreateTopicsResponse (CreateTopics 2..=7, flexible 5) {
        throttle_time_ms: i32;
        topics: Vec<CreatableTopicResult>;
    }

    struct CreatableTopicResult {
        name: Str;
        topic_id: Uuid, in 7..;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        /// Why `configs` is null, if it is.
        topic_config_error_code: ErrorCode, in 5.., tag 0;
        num_partitions: i32 = -1, in 5..;
        replication_factor: i16 = -1, in 5..;
        configs: Option<Vec<CreatableTopicConfigs>> = Some(Vec::new()), in 5..;
    }

    struct CreatableTopicConfigs {
        name: Str;
        value: Option<Str> = Some(Str::default());
        read_only: bool;
        /// Numbered as in DescribeConfigs.
        config_source: i8 = -1;
        is_sensitive: bool;
    }
}
