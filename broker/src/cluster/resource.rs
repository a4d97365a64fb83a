//! What else than topics and brokers has configs that clients set: groups (KIP-848) and
//! subscriptions of clients' metrics (KIP-714). Each is a name with configs under it; nothing says
//! whether there is a group of that name.

use std::collections::BTreeMap;
use std::sync::Arc;

/// `ConfigResource` of those types.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConfigResource {
    Group(String),
    ClientMetrics(String),
}

impl ConfigResource {
    pub fn name(&self) -> &str {
        match self {
            Self::Group(name) | Self::ClientMetrics(name) => name,
        }
    }
}

/// What clients have set of each. No map is empty.
pub type ResourceConfigs = BTreeMap<ConfigResource, Arc<BTreeMap<String, String>>>;

/// How many of them may have configs, and the bytes of the name and the configs of one: every
/// snapshot carries them.
pub const CONFIG_RESOURCES_MAX: usize = 10_000;
pub const CONFIG_RESOURCE_BYTES_MAX: usize = 4 << 10;
