//! DescribeConfigs: the configs of topics and brokers, with where each value comes from.

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeConfigsRequest (DescribeConfigs 1..=4, flexible 4) {
        resources: Vec<DescribeConfigsResource>;
        include_synonyms: bool;
        include_documentation: bool, in 3..;
    }

    struct DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8;
        resource_name: Str;
        /// Null asks for all of them.
        configuration_keys: Option<Vec<Str>> = Some(Vec::new());
    }
}

table! {
    struct DescribeConfigsResponse (DescribeConfigs 1..=4, flexible 4) {
        throttle_time_ms: i32;
        results: Vec<DescribeConfigsResult>;
    }

    struct DescribeConfigsResult {
        error_code: ErrorCode;
        error_message: Option<Str> = Some(Str::default());
        resource_type: i8;
        resource_name: Str;
        configs: Vec<DescribeConfigsResourceResult>;
    }

    struct DescribeConfigsResourceResult {
        name: Str;
        /// Null if the config is sensitive.
        value: Option<Str> = Some(Str::default());
        read_only: bool;
        /// 1 topic, 2 dynamic broker, 3 dynamic default, 4 static broker, 5 default, 6 broker
        /// logger, 7 client metrics, 8 group.
        config_source: i8 = -1;
        is_sensitive: bool;
        /// Where else the value could come from, nearest first.
        synonyms: Vec<DescribeConfigsSynonym>;
        /// 1 boolean, 2 string, 3 int, 4 short, 5 long, 6 double, 7 list, 8 class, 9 password.
        config_type: i8, in 3..;
        documentation: Option<Str> = Some(Str::default()), in 3..;
    }

    struct DescribeConfigsSynonym {
        name: Str;
        value: Option<Str> = Some(Str::default());
        source: i8;
    }
}
