//! The configuration: Kafka's keys, Naru's own, and where each value came from.
//!
//! [`BrokerConfig::load`] lays the `--set` options over the file over the defaults, checks every
//! value against the tables of keys ([`keys`]), and hands out one struct per room. A key of
//! Kafka's that Naru does not act on is a warning; a key that nobody knows is an error, because a
//! typing error in `min.insync.replicas` must not pass for the default.
//!
//! Topics have keys of their own ([`topic`]), most of them with a broker key as their default.
//!
//! What clients set of brokers while they run lies over that in two more layers ([`Layers`]): for
//! all brokers, and for this one.
//!
//! Invariants: a loaded configuration never changes, a change makes another one; no default is
//! written anywhere but in the tables; an error names the key, the value and what is allowed.

mod dynamic;
mod error;
pub mod keys;
mod layers;
#[cfg(test)]
mod layers_tests;
mod listeners;
mod load;
mod machine;
pub mod properties;
mod resources;
mod settings;
#[cfg(test)]
mod tests;
pub mod topic;

pub use dynamic::{NotDynamic, check, check_together, kind};
pub use error::ConfigError;
pub use keys::{
    Cleaner, CleanupPolicy, Groups, Key, Kind, Limit, Limits, Log, Naru, Network, Node,
    RecordValidation, TimestampType, Topics, Transactions,
};
pub use layers::{BrokerOverrides, ConfigSource, Entry, Layers, Synonym, client_metrics_entries};
pub use listeners::{AdminListener, Endpoint, Listener};
pub use load::{BrokerConfig, Warning};
pub use machine::Machine;
pub use resources::{
    GroupSettings, ResourceConfigError, ResourceOverrides, check_client_metrics, check_group,
};
pub use settings::{Setting, Source};
pub use topic::{TopicConfig, TopicOverrides};
