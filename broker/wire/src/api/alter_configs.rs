//! AlterConfigs: replaces all the configs of a resource; superseded by IncrementalAlterConfigs.

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct AlterConfigsRequest (AlterConfigs 0..=2, flexible 2) {
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
        /// Null, like a config that is not named, goes back to the default.
        value: Option<Str> = Some(Str::default());
    }
}

table! {
    struct AlterConfigsResponse (AlterConfigs 0..=2, flexible 2) {
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
