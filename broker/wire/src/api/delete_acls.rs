//! DeleteAcls: takes back what was allowed or forbidden (KIP-140).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DeleteAclsRequest (DeleteAcls 1..=3, flexible 2) {
        filters: Vec<DeleteAclsFilter>;
    }

    struct DeleteAclsFilter {
        resource_type_filter: i8;
        resource_name_filter: Option<Str>;
        pattern_type_filter: i8 = 3;
        principal_filter: Option<Str>;
        host_filter: Option<Str>;
        operation: i8;
        permission_type: i8;
    }
}

table! {
    struct DeleteAclsResponse (DeleteAcls 1..=3, flexible 2) {
        throttle_time_ms: i32;
        filter_results: Vec<DeleteAclsFilterResult>;
    }

    struct DeleteAclsFilterResult {
        error_code: ErrorCode;
        error_message: Option<Str>;
        matching_acls: Vec<DeleteAclsMatchingAcl>;
    }

    struct DeleteAclsMatchingAcl {
        error_code: ErrorCode;
        error_message: Option<Str>;
        resource_type: i8;
        resource_name: Str;
        pattern_type: i8 = 3;
        principal: Str;
        host: Str;
        operation: i8;
        permission_type: i8;
    }
}
