//! What the APIs of configs share: the types of resources, and the layers that values come from.

use naru_wire::{ErrorCode, Str};

use crate::cluster::{ClusterImage, ConfigResource};
use crate::config::{BrokerConfig, Layers};

/// `ConfigResource.Type`
pub const TOPIC: i8 = 2;
pub const BROKER: i8 = 4;
pub const BROKER_LOGGER: i8 = 8;
pub const CLIENT_METRICS: i8 = 16;
pub const GROUP: i8 = 32;

/// An error code with the sentence that a client shows.
pub type Refused = (ErrorCode, String);

pub fn invalid_request<T>(message: impl Into<String>) -> Result<T, Refused> {
    Err((ErrorCode::InvalidRequest, message.into()))
}

/// Where this broker's values come from.
pub fn layers<'a>(file: &'a BrokerConfig, image: &'a ClusterImage) -> Layers<'a> {
    Layers {
        file,
        cluster: image.broker_configs(None),
        own: image.broker_configs(Some(file.node_id)),
    }
}

/// The resource of a type that has no more than a name.
pub fn named_resource(resource_type: i8, name: &Str) -> Option<ConfigResource> {
    let name = || name.as_str().to_owned();
    match resource_type {
        GROUP => Some(ConfigResource::Group(name())),
        CLIENT_METRICS => Some(ConfigResource::ClientMetrics(name())),
        _ => None,
    }
}

/// The broker that a resource names: `None` for all, of which the default is.
pub fn broker_of(name: &Str, own: i32) -> Result<Option<i32>, Refused> {
    if name.is_empty() {
        return Ok(None);
    }
    own_node(name, own, "or empty string, ").map(Some)
}

/// The node that a resource names, which must be this one.
pub fn own_node(name: &Str, own: i32, or: &str) -> Result<i32, Refused> {
    match name.parse::<i32>() {
        Ok(node_id) if node_id == own => Ok(own),
        Ok(other) => invalid_request(format!(
            "Unexpected broker id, expected {own} {or}but received {other}"
        )),
        Err(_) => invalid_request(format!("Broker id must be an integer, but it is: {name}")),
    }
}
