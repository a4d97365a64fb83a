//! SyncGroup: the leader hands in the assignments, and each member receives its own.

use bytes::Bytes;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct SyncGroupRequest (SyncGroup 0..=5, flexible 4) {
        group_id: Str;
        generation_id: i32;
        member_id: Str;
        group_instance_id: Option<Str>, in 3..;
        protocol_type: Option<Str>, in 5..;
        protocol_name: Option<Str>, in 5..;
        /// Empty except from the leader.
        assignments: Vec<SyncGroupRequestAssignment>;
    }

    struct SyncGroupRequestAssignment {
        member_id: Str;
        assignment: Bytes;
    }
}

table! {
    struct SyncGroupResponse (SyncGroup 0..=5, flexible 4) {
        throttle_time_ms: i32, in 1..;
        error_code: ErrorCode;
        protocol_type: Option<Str>, in 5..;
        protocol_name: Option<Str>, in 5..;
        /// The member's own, opaque to the broker.
        assignment: Bytes;
    }
}
