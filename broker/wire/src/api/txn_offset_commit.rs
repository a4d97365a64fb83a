//! TxnOffsetCommit: offsets that a group has consumed, once the transaction commits (KIP-98,
//! KIP-447).

use uuid::Uuid;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    /// v3 names the member, v4 knows TRANSACTION_ABORTABLE, v5 adds the group's partition to the
    /// transaction (KIP-890), v6 names topics by id and knows GROUP_ID_NOT_FOUND and
    /// STALE_MEMBER_EPOCH (KIP-1319).
    struct TxnOffsetCommitRequest (TxnOffsetCommit 0..=6, flexible 3) {
        transactional_id: Str;
        group_id: Str;
        producer_id: i64;
        producer_epoch: i16;
        generation_id_or_member_epoch: i32 = -1, in 3..;
        member_id: Str, in 3..;
        group_instance_id: Option<Str>, in 3..;
        topics: Vec<TxnOffsetCommitRequestTopic>;
    }

    struct TxnOffsetCommitRequestTopic {
        name: Str, in ..=5;
        topic_id: Uuid, in 6..;
        partitions: Vec<TxnOffsetCommitRequestPartition>;
    }

    struct TxnOffsetCommitRequestPartition {
        partition_index: i32;
        committed_offset: i64;
        committed_leader_epoch: i32 = -1, in 2..;
        committed_metadata: Option<Str> = Some(Str::default());
    }
}

table! {
    struct TxnOffsetCommitResponse (TxnOffsetCommit 0..=6, flexible 3) {
        throttle_time_ms: i32;
        topics: Vec<TxnOffsetCommitResponseTopic>;
    }

    struct TxnOffsetCommitResponseTopic {
        name: Str, in ..=5;
        topic_id: Uuid, in 6..;
        partitions: Vec<TxnOffsetCommitResponsePartition>;
    }

    struct TxnOffsetCommitResponsePartition {
        partition_index: i32;
        error_code: ErrorCode;
    }
}
