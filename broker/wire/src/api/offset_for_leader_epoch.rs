//! OffsetForLeaderEpoch: where a leader epoch ends, by which followers and consumers find a
//! divergence (KIP-101, KIP-320).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct OffsetForLeaderEpochRequest (OffsetForLeaderEpoch 2..=4, flexible 4) {
        /// -1 for consumers; -2 where the version cannot say.
        replica_id: i32 = -2, in 3..;
        topics: Vec<OffsetForLeaderTopic>;
    }

    struct OffsetForLeaderTopic {
        topic: Str;
        partitions: Vec<OffsetForLeaderPartition>;
    }

    struct OffsetForLeaderPartition {
        partition: i32;
        current_leader_epoch: i32 = -1;
        leader_epoch: i32;
    }
}

table! {
    struct OffsetForLeaderEpochResponse (OffsetForLeaderEpoch 2..=4, flexible 4) {
        throttle_time_ms: i32;
        topics: Vec<OffsetForLeaderTopicResult>;
    }

    struct OffsetForLeaderTopicResult {
        topic: Str;
        partitions: Vec<EpochEndOffset>;
    }

    struct EpochEndOffset {
        error_code: ErrorCode;
        partition: i32;
        leader_epoch: i32 = -1;
        /// Where the epoch, or the largest one below it, ends.
        end_offset: i64 = -1;
    }
}
