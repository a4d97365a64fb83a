//! [`ConfigSource`]: where a config's value comes from.

use std::fmt;

use serde::Serialize;

/// `ConfigEntry.ConfigSource`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigSource {
    Topic,
    /// Of one broker, while it runs.
    DynamicBroker,
    /// Of all brokers, while they run.
    DynamicDefault,
    /// The broker's file.
    StaticBroker,
    Default,
    BrokerLogger,
    ClientMetrics,
    Group,
    Unknown,
}

impl From<i8> for ConfigSource {
    fn from(source: i8) -> Self {
        match source {
            1 => Self::Topic,
            2 => Self::DynamicBroker,
            3 => Self::DynamicDefault,
            4 => Self::StaticBroker,
            5 => Self::Default,
            6 => Self::BrokerLogger,
            7 => Self::ClientMetrics,
            8 => Self::Group,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for ConfigSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Topic => "topic",
            Self::DynamicBroker => "broker",
            Self::DynamicDefault => "all brokers",
            Self::StaticBroker => "broker's file",
            Self::Default => "default",
            Self::BrokerLogger => "logger",
            Self::ClientMetrics => "client metrics",
            Self::Group => "group",
            Self::Unknown => "unknown",
        })
    }
}
