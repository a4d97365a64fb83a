//! OffsetCommit: the offsets that a group has consumed up to.

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    /// v5 drops the retention time, v9 is for KIP-848 groups, v10 names topics by id.
    struct OffsetCommitRequest (OffsetCommit 2..=10, flexible 8) {
        group_id: Str;
        /// -1 commits from outside of the group, if it has no members.
        generation_id_or_member_epoch: i32 = -1;
        member_id: Str;
        group_instance_id: Option<Str>, in 7..;
        /// -1 for the default of the broker.
        retention_time_ms: i64 = -1, in ..=4;
        topics: Vec<OffsetCommitRequestTopic>;
    }

    struct OffsetCommitRequestTopic {
        name: Str, in ..=9;
        topic_id: Uuid, in 10..;
        partitions: Vec<OffsetCommitRequestPartition>;
    }

    struct OffsetCommitRequestPartition {
        partition_index: i32;
        committed_offset: i64;
        committed_leader_epoch: i32 = -1, in 6..;
        committed_metadata: Option<Str> = Some(Str::default());
    }
}

table! {
    struct OffsetCommitResponse (OffsetCommit 2..=10, flexible 8) {
        throttle_time_ms: i32, in 3..;
        topics: Vec<OffsetCommitResponseTopic>;
    }

    struct OffsetCommitResponseTopic {
        name: Str, in ..=9;
        topic_id: Uuid, in 10..;
        partitions: Vec<OffsetCommitResponsePartition>;
    }

    struct OffsetCommitResponsePartition {
        partition_index: i32;
        error_code: ErrorCode;
    }
}
