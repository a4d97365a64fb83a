//! OffsetDelete: deletes committed offsets of a group (KIP-496). The one API here that never became
//! flexible.

use crate::table::{NEVER, table};
use crate::{ErrorCode, Str};

table! {
    struct OffsetDeleteRequest (OffsetDelete 0..=0, flexible NEVER) {
        group_id: Str;
        topics: Vec<OffsetDeleteRequestTopic>;
    }

    struct OffsetDeleteRequestTopic {
        name: Str;
        partitions: Vec<OffsetDeleteRequestPartition>;
    }

    struct OffsetDeleteRequestPartition {
        partition_index: i32;
    }
}

table! {
    struct OffsetDeleteResponse (OffsetDelete 0..=0, flexible NEVER) {
        error_code: ErrorCode;
        throttle_time_ms: i32;
        topics: Vec<OffsetDeleteResponseTopic>;
    }

    struct OffsetDeleteResponseTopic {
        name: Str;
        partitions: Vec<OffsetDeleteResponsePartition>;
    }

    struct OffsetDeleteResponsePartition {
        partition_index: i32;
        error_code: ErrorCode;
    }
}
