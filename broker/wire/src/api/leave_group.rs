//! LeaveGroup: members leave a group; several at once from v3 (KIP-345).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct LeaveGroupRequest (LeaveGroup 0..=5, flexible 4) {
        group_id: Str;
        /// From v3 in `members`.
        member_id: Str, in ..=2;
        members: Vec<MemberIdentity>, in 3..;
    }

    struct MemberIdentity {
        /// Empty to remove a static member by its instance id.
        member_id: Str;
        group_instance_id: Option<Str>;
        reason: Option<Str>, in 5..;
    }
}

table! {
    struct LeaveGroupResponse (LeaveGroup 0..=5, flexible 4) {
        throttle_time_ms: i32, in 1..;
        error_code: ErrorCode;
        members: Vec<MemberResponse>, in 3..;
    }

    struct MemberResponse {
        member_id: Str;
        group_instance_id: Option<Str> = Some(Str::default());
        error_code: ErrorCode;
    }
}
