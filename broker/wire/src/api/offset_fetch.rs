//! OffsetFetch: the offsets that groups have committed; several groups at once from v8 (KIP-709).

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    /// v0–7 ask for one group at the top level, v8 and later for several in `groups`; v10 names
    /// topics by id.
    struct OffsetFetchRequest (OffsetFetch 1..=10, flexible 6) {
        group_id: Str, in ..=7;
        /// Null asks for all topics.
        topics: Option<Vec<OffsetFetchRequestTopic>> = Some(Vec::new()), in ..=7, nullable 2..;
        groups: Vec<OffsetFetchRequestGroup>, in 8..;
        /// Offsets of open transactions are answered with UNSTABLE_OFFSET_COMMIT (KIP-447).
        require_stable: bool, in 7..;
    }

    struct OffsetFetchRequestTopic {
        name: Str;
        partition_indexes: Vec<i32>;
    }

    struct OffsetFetchRequestGroup {
        group_id: Str;
        member_id: Option<Str>, in 9..;
        member_epoch: i32 = -1, in 9..;
        /// Null asks for all topics.
        topics: Option<Vec<OffsetFetchRequestTopics>> = Some(Vec::new());
    }

    struct OffsetFetchRequestTopics {
        name: Str, in ..=9;
        topic_id: Uuid, in 10..;
        partition_indexes: Vec<i32>;
    }
}

table! {
    struct OffsetFetchResponse (OffsetFetch 1..=10, flexible 6) {
        throttle_time_ms: i32, in 3..;
        topics: Vec<OffsetFetchResponseTopic>, in ..=7;
        error_code: ErrorCode, in 2..=7;
        groups: Vec<OffsetFetchResponseGroup>, in 8..;
    }

    struct OffsetFetchResponseTopic {
        name: Str;
        partitions: Vec<OffsetFetchResponsePartition>;
    }

    struct OffsetFetchResponsePartition {
        partition_index: i32;
        /// -1 if there is none.
        committed_offset: i64;
        committed_leader_epoch: i32 = -1, in 5..;
        metadata: Option<Str> = Some(Str::default());
        error_code: ErrorCode;
    }

    struct OffsetFetchResponseGroup {
        group_id: Str;
        topics: Vec<OffsetFetchResponseTopics>;
        error_code: ErrorCode;
    }

    struct OffsetFetchResponseTopics {
        name: Str, in ..=9;
        topic_id: Uuid, in 10..;
        partitions: Vec<OffsetFetchResponsePartitions>;
    }

    struct OffsetFetchResponsePartitions {
        partition_index: i32;
        /// -1 if there is none.
        committed_offset: i64;
        committed_leader_epoch: i32 = -1;
        metadata: Option<Str> = Some(Str::default());
        error_code: ErrorCode;
    }
}
