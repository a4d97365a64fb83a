//! Heartbeat: a member says that it is alive, and learns of rebalances.

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct HeartbeatRequest (Heartbeat 0..=4, flexible 4) {
        group_id: Str;
        generation_id: i32;
        member_id: Str;
        group_instance_id: Option<Str>, in 3..;
    }
}

table! {
    struct HeartbeatResponse (Heartbeat 0..=4, flexible 4) {
        throttle_time_ms: i32, in 1..;
        error_code: ErrorCode;
    }
}
