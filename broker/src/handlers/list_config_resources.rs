//! ListConfigResources (v0–v1, KIP-714, KIP-1142): which resources have configs.

use naru_wire::api::list_config_resources::{
    ConfigResource, ListConfigResourcesRequest, ListConfigResourcesResponse,
};
use naru_wire::{ErrorCode, Str};

use super::config_resources::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use super::dispatch::{Context, Turns};
use crate::cluster::ConfigResource as Named;

/// In the order in which Kafka answers them.
const TYPES: [i8; 5] = [GROUP, CLIENT_METRICS, BROKER_LOGGER, BROKER, TOPIC];

pub async fn handle(
    context: &Context,
    request: ListConfigResourcesRequest,
) -> ListConfigResourcesResponse {
    let asked = match context.version() {
        0 => vec![CLIENT_METRICS],
        _ if request.resource_types.is_empty() => TYPES.to_vec(),
        _ => request.resource_types,
    };
    if asked.iter().any(|one| !TYPES.contains(one)) {
        return ListConfigResourcesResponse {
            error_code: ErrorCode::UnsupportedVersion,
            ..Default::default()
        };
    }
    let image = context.shard.image();
    let mut config_resources = Vec::new();
    let mut turns = Turns::of(context);
    for resource_type in TYPES.into_iter().filter(|one| asked.contains(one)) {
        let resource = |resource_name: Str| ConfigResource {
            resource_name,
            resource_type,
        };
        match resource_type {
            TOPIC => {
                for topic in image.topics() {
                    turns.take(1).await;
                    config_resources.push(resource(Str::from(&*topic.name)));
                }
            }
            BROKER | BROKER_LOGGER => {
                let brokers = image.brokers().map(|one| one.registration.node_id);
                config_resources.extend(brokers.map(|id| resource(Str::from(id.to_string()))));
            }
            _ => {
                for (one, _) in image.config_resources() {
                    turns.take(1).await;
                    let is_asked = match one {
                        Named::Group(_) => resource_type == GROUP,
                        Named::ClientMetrics(_) => resource_type == CLIENT_METRICS,
                    };
                    if is_asked {
                        config_resources.push(resource(Str::from(one.name())));
                    }
                }
            }
        }
    }
    ListConfigResourcesResponse {
        config_resources,
        ..Default::default()
    }
}
