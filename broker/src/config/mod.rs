//! The configuration: Kafka's keys, Naru's own, and where each value came from.
//!
//! [`BrokerConfig::load`] lays the `--set` options over the file over the defaults, checks every
//! value against the one table of keys ([`keys`]), and hands out one struct per room. A key of
//! Kafka's that Naru does not act on is a warning; a key that nobody knows is an error, because a
//! typing error in `min.insync.replicas` must not pass for the default.
//!
//! Topics have keys of their own ([`topic`]), most of them with a broker key as their default.
//!
//! Invariants: a loaded configuration does not change while the process runs; no default is
//! written anywhere but in the two tables; an error names the key, the value and what is allowed.

mod error;
pub mod keys;
mod listeners;
mod load;
mod machine;
pub mod properties;
mod settings;
#[cfg(test)]
mod tests;
pub mod topic;

pub use error::ConfigError;
pub use keys::{
    CleanupPolicy, Groups, Key, Kind, Limit, Limits, Log, Naru, Network, Node, RecordValidation,
    TimestampType, Topics, Transactions,
};
pub use listeners::{AdminListener, Endpoint, Listener};
pub use load::{BrokerConfig, Warning};
pub use machine::Machine;
pub use settings::{Setting, Source};
pub use topic::{TopicConfig, TopicEntry, TopicOverrides, TopicSource};
