//! CreateAcls: allows or forbids something (KIP-140).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct CreateAclsRequest (CreateAcls 1..=3, flexible 2) {
        creations: Vec<AclCreation>;
    }

    struct AclCreation {
        resource_type: i8;
        resource_name: Str;
        resource_pattern_type: i8 = 3;
        principal: Str;
        host: Str;
        operation: i8;
        permission_type: i8;
    }
}

table! {
    struct CreateAclsResponse (CreateAcls 1..=3, flexible 2) {
        throttle_time_ms: i32;
        results: Vec<AclCreationResult>;
    }

    struct AclCreationResult {
        error_code: ErrorCode;
        error_message: Option<Str>;
    }
}
