//! DescribeGroups: state, members and assignments of groups.

use bytes::Bytes;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeGroupsRequest (DescribeGroups 0..=6, flexible 5) {
        groups: Vec<Str>;
        include_authorized_operations: bool, in 3..;
    }
}

table! {
    struct DescribeGroupsResponse (DescribeGroups 0..=6, flexible 5) {
        throttle_time_ms: i32, in 1..;
        groups: Vec<DescribedGroup>;
    }

    struct DescribedGroup {
        error_code: ErrorCode;
        error_message: Option<Str>, in 6..;
        group_id: Str;
        /// Empty, PreparingRebalance, CompletingRebalance, Stable or Dead.
        group_state: Str;
        protocol_type: Str;
        protocol_data: Str;
        members: Vec<DescribedGroupMember>;
        authorized_operations: i32 = i32::MIN, in 3..;
    }

    struct DescribedGroupMember {
        member_id: Str;
        group_instance_id: Option<Str>, in 4..;
        client_id: Str;
        client_host: Str;
        member_metadata: Bytes;
        member_assignment: Bytes;
    }
}
