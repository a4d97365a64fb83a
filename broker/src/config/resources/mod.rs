//! What else has configs: groups, and subscriptions of clients' metrics. Their keys, and what each
//! takes.

mod client_metrics;
mod group;

use std::collections::BTreeMap;

pub use client_metrics::{CLIENT_METRICS_KEYS, check_client_metrics};
pub use group::{GROUP_KEYS, GroupSettings, check_group};

/// What clients have set of a group, or of clients' metrics.
pub type ResourceOverrides = BTreeMap<String, String>;

/// Why a value is not set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResourceConfigError {
    /// INVALID_CONFIG
    #[error("{0}")]
    InvalidConfig(String),
    /// INVALID_REQUEST
    #[error("{0}")]
    InvalidRequest(String),
}
