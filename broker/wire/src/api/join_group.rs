//! JoinGroup: a member joins a group; the leader is told who the others are.

use bytes::Bytes;

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct JoinGroupRequest (JoinGroup 0..=9, flexible 6) {
        group_id: Str;
        session_timeout_ms: i32;
        /// How long a rebalance waits for this member; -1, as in v0, for the session timeout.
        rebalance_timeout_ms: i32 = -1, in 1..;
        /// Empty on the first try; from v4 that is answered with MEMBER_ID_REQUIRED and an id
        /// (KIP-394).
        member_id: Str;
        /// Set by static members (KIP-345).
        group_instance_id: Option<Str>, in 5..;
        protocol_type: Str;
        protocols: Vec<JoinGroupRequestProtocol>;
        reason: Option<Str>, in 8..;
    }

    struct JoinGroupRequestProtocol {
        name: Str;
        metadata: Bytes;
    }
}

table! {
    struct JoinGroupResponse (JoinGroup 0..=9, flexible 6) {
        throttle_time_ms: i32, in 2..;
        error_code: ErrorCode;
        generation_id: i32 = -1;
        protocol_type: Option<Str>, in 7..;
        protocol_name: Option<Str> = Some(Str::default()), nullable 7..;
        leader: Str;
        /// The leader need not compute an assignment (KIP-814).
        skip_assignment: bool, in 9..;
        member_id: Str;
        /// Only the leader is told.
        members: Vec<JoinGroupResponseMember>;
    }

    struct JoinGroupResponseMember {
        member_id: Str;
        group_instance_id: Option<Str>, in 5..;
        metadata: Bytes;
    }
}
