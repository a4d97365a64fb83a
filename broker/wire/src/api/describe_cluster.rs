//! DescribeCluster: the brokers, the controller and the id of the cluster (KIP-700).

use crate::table::table;
use crate::{ErrorCode, Str};

table! {
    struct DescribeClusterRequest (DescribeCluster 0..=2, flexible 0) {
        include_cluster_authorized_operations: bool;
        /// 1 brokers, 2 controllers.
        endpoint_type: i8 = 1, in 1..;
        include_fenced_brokers: bool, in 2..;
    }
}

table! {
    struct DescribeClusterResponse (DescribeCluster 0..=2, flexible 0) {
        throttle_time_ms: i32;
        error_code: ErrorCode;
        error_message: Option<Str>;
        endpoint_type: i8 = 1, in 1..;
        cluster_id: Str;
        controller_id: i32 = -1;
        brokers: Vec<DescribeClusterBroker>;
        /// A bit per operation; `i32::MIN` if it was not asked for.
        cluster_authorized_operations: i32 = i32::MIN;
    }

    struct DescribeClusterBroker {
        broker_id: i32;
        host: Str;
        port: i32;
        rack: Option<Str>;
        is_fenced: bool, in 2..;
    }
}
