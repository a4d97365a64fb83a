//! IncrementalAlterConfigs: sets, deletes, appends to and subtracts from single configs (KIP-339).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct IncrementalAlterConfigsRequest (IncrementalAlterConfigs 0..=1, flexible 1) {
        resources: Vec<AlterConfigsResource>;
        validate_only: bool;
    }

    struct AlterConfigsResource {
        resource_type: i8;
        resource_name: Str;
        configs: Vec<AlterableConfig>;
    }

    struct AlterableConfig {
        name: Str;
        /// 0 set, 1 delete, 2 append, 3 subtract.
        config_operation: i8;
        value: Option<Str> = Some(Str::default());
    }
}

table! {
    struct IncrementalAlterConfigsResponse (IncrementalAlterConfigs 0..=1, flexible 1) {
        throttle_time_ms: i32;
        responses: Vec<AlterConfigsResourceResponse>;
    }

    struct AlterConfigsResourceResponse {
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        resource_type: i8;
        resource_name: Str;
    }
}
