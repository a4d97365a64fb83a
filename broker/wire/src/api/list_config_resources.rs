//! ListConfigResources: which resources have configs (KIP-714, KIP-1142).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct ListConfigResourcesRequest (ListConfigResources 0..=1, flexible 0) {
        /// None asks for all of them. Version 0 asks for client metrics.
        resource_types: Vec<i8>, in 1..;
    }
}

table! {
    struct ListConfigResourcesResponse (ListConfigResources 0..=1, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        config_resources: Vec<ConfigResource>;
    }

    struct ConfigResource {
        resource_name: Str;
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8 = 16, in 1..;
    }
}
