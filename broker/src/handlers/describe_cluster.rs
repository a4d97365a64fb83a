//! DescribeCluster (KIP-700, v0–v2).

use naru_wire::api::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::Context;
use super::topics::{CLUSTER_OPERATIONS, advertised_brokers};

/// Endpoints of brokers; 2 would be controllers (KIP-919).
const BROKERS: i8 = 1;

pub fn handle(context: &Context, request: DescribeClusterRequest) -> DescribeClusterResponse {
    let image = context.shard.image();
    let cluster_id = Str::from(image.cluster_id().unwrap_or_default());
    if request.endpoint_type != BROKERS {
        return DescribeClusterResponse {
            error_code: ErrorCode::MismatchedEndpointType,
            error_message: Some(Str::from("this listener serves brokers, not controllers")),
            endpoint_type: BROKERS,
            cluster_id,
            ..Default::default()
        };
    }
    let mut cluster_authorized_operations = i32::MIN;
    if request.include_cluster_authorized_operations {
        cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    let brokers = advertised_brokers(&image, &context.listener_name());
    DescribeClusterResponse {
        cluster_id,
        controller_id: context.shard.controller_id(),
        brokers: brokers
            .into_iter()
            .map(|broker| DescribeClusterBroker {
                broker_id: broker.node_id,
                host: broker.host,
                port: broker.port,
                rack: broker.rack,
                is_fenced: false,
            })
            .collect(),
        cluster_authorized_operations,
        ..Default::default()
    }
}
