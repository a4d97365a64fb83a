//! ListGroups: the groups of a broker, by state (KIP-518) and type (KIP-848).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ListGroupsRequest (ListGroups 0..=5, flexible 3) {
        /// Empty lists groups of every state.
        states_filter: Vec<Str>, in 4..;
        /// Empty lists groups of every type.
        types_filter: Vec<Str>, in 5..;
    }
}

table! {
    struct ListGroupsResponse (ListGroups 0..=5, flexible 3) {
        throttle_time_ms: i32, in 1..;
        error_code: ErrorCode;
        groups: Vec<ListedGroup>;
    }

    struct ListedGroup {
        group_id: Str;
        protocol_type: Str;
        group_state: Str, in 4..;
        group_type: Str, in 5..;
    }
}
