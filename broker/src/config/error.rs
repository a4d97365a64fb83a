//! Why a configuration is refused. Every variant names what to change.

use std::path::PathBuf;

use super::properties::PropertiesError;
use super::settings::Source;

/// A configuration that the broker does not start with, or a topic does not take.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{}: {error}", path.display())]
    Syntax {
        path: PathBuf,
        error: PropertiesError,
    },
    #[error("--set {text}: write it as --set KEY=VALUE")]
    NotKeyValue { text: String },
    #[error("unknown key {key} ({from}){}", suggestion(nearest))]
    UnknownKey {
        key: String,
        from: Source,
        nearest: Option<&'static str>,
    },
    #[error("{key}={value} ({from}): {reason}")]
    Invalid {
        key: &'static str,
        value: String,
        from: Source,
        reason: String,
    },
    /// Two keys that are each valid but do not go together.
    #[error("{0}")]
    Contradiction(String),
    #[error("unknown topic config {key}{}", suggestion(nearest))]
    UnknownTopicKey {
        key: String,
        nearest: Option<&'static str>,
    },
    /// Clients show this sentence to their users.
    #[error("{key}={value}: {reason}")]
    InvalidTopicValue {
        key: &'static str,
        value: String,
        reason: String,
    },
}

/// Ends a sentence about a key that nobody knows.
pub(super) fn suggestion(nearest: &Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |key| format!(": did you mean {key}?"))
}
