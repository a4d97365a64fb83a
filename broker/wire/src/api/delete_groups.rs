//! DeleteGroups: groups to delete, with their offsets (KIP-229).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DeleteGroupsRequest (DeleteGroups 0..=3, flexible 2) {
        /// The plural is Kafka's.
        groups_names: Vec<Str>;
    }
}

table! {
    struct DeleteGroupsResponse (DeleteGroups 0..=3, flexible 2) {
        throttle_time_ms: i32;
        results: Vec<DeletableGroupResult>;
    }

    struct DeletableGroupResult {
        group_id: Str;
        error_code: ErrorCode;
        error_message: Option<Str>, in 3..;
    }
}
