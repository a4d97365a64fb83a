//! DescribeAcls: who may do what with which resource (KIP-140).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeAclsRequest (DescribeAcls 1..=3, flexible 2) {
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
    struct DescribeAclsResponse (DescribeAcls 1..=3, flexible 2) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str>;
        resources: Vec<DescribeAclsResource>;
    }

    struct DescribeAclsResource {
        resource_type: i8;
        resource_name: Str;
        pattern_type: i8 = 3;
        acls: Vec<AclDescription>;
    }

    struct AclDescription {
        principal: Str;
        host: Str;
        operation: i8;
        permission_type: i8;
    }
}
