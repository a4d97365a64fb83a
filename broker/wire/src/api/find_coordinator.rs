//! FindCoordinator: which broker coordinates a group or a transactional id; several keys at once
//! from v4 (KIP-699).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct FindCoordinatorRequest (FindCoordinator 0..=6, flexible 3) {
        key: Str, in ..=3;
        /// 0 group, 1 transactional id, 2 share group.
        key_type: i8, in 1..;
        coordinator_keys: Vec<Str>, in 4..;
    }
}

table! {
    struct FindCoordinatorResponse (FindCoordinator 0..=6, flexible 3) {
        throttle_time_ms: i32, in 1..;
        error_code: ErrorCode, in ..=3;
        error_message: Option<Str> = Some(Str::default()), in 1..=3;
        node_id: i32, in ..=3;
        host: Str, in ..=3;
        port: i32, in ..=3;
        coordinators: Vec<Coordinator>, in 4..;
    }

    struct Coordinator {
        key: Str;
        node_id: i32;
        host: Str;
        port: i32;
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
    }
}
