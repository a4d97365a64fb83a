//! What clients may set of a broker while it runs, and what they are told where they may not.

use super::error::{ConfigError, suggestion};
use super::keys::{self, Kind};
use super::layers::Layers;
use super::load::BrokerConfig;

/// Why a broker's config is not set: all of it is INVALID_REQUEST (KAFKA-13609), with a sentence
/// for people.
#[derive(Debug, thiserror::Error)]
pub enum NotDynamic {
    #[error("Cannot update these configs dynamically: [{0}]")]
    ReadOnly(&'static str),
    #[error("{key} is a key of Kafka's that Naru does not act on: it is not set")]
    NotActedOn { key: String },
    #[error("unknown broker config {key}{}", suggestion(nearest))]
    Unknown {
        key: String,
        nearest: Option<&'static str>,
    },
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        key: &'static str,
        value: String,
        reason: String,
    },
    /// Values that do not go together.
    #[error(transparent)]
    Contradiction(#[from] ConfigError),
}

/// The type of a key that may be set while the broker runs.
pub fn kind(name: &str) -> Result<Kind, NotDynamic> {
    match keys::find(name) {
        Some(key) if keys::is_dynamic(key.name) => Ok(key.kind),
        Some(key) => Err(NotDynamic::ReadOnly(key.name)),
        None if keys::is_kafka_broker_key(name) => Err(NotDynamic::NotActedOn {
            key: name.to_owned(),
        }),
        None => Err(NotDynamic::Unknown {
            key: name.to_owned(),
            nearest: keys::nearest(name),
        }),
    }
}

/// Checks one value, and returns it in its stored form. `present` is what the broker works with.
pub fn check(name: &str, value: &str, present: &BrokerConfig) -> Result<String, NotDynamic> {
    kind(name)?;
    let Some(key) = keys::find(name) else {
        unreachable!("a key that may be set is known");
    };
    let invalid = |reason: String| NotDynamic::Invalid {
        key: key.name,
        value: value.to_owned(),
        reason,
    };
    let normal = key.normalise(value.trim()).map_err(invalid)?;
    if keys::counts_threads(name) {
        let count = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let setting = present.setting(name);
        let now = count(setting.and_then(|setting| setting.value.as_deref())).unwrap_or(1);
        let wanted = count(Some(&normal)).unwrap_or(now);
        if wanted > now.saturating_mul(2) || wanted < now / 2 {
            let reason = format!("must be from half to double of what it is, {now}");
            return Err(invalid(reason));
        }
    }
    Ok(normal)
}

/// Whether a broker can work with layers whose values have passed [`check`] one by one.
pub fn check_together(layers: &Layers<'_>) -> Result<(), NotDynamic> {
    layers.check().map_err(NotDynamic::Contradiction)
}
