//! The values by key, as text, each with where it came from.
//!
//! What DescribeConfigs shows for a broker is read from here, and the rooms' structs are. Held are
//! the keys that Naru acts on, and those that it only keeps and shows.

use std::collections::BTreeMap;
use std::fmt;

use super::error::ConfigError;
use super::keys::{self, Key, Value};
use super::machine::Machine;

/// Where a value came from; the later variant beats the earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Default,
    /// The line of the file, counted from 1.
    File(usize),
    CommandLine,
    /// Set by a client for all brokers.
    Cluster,
    /// Set by a client for this broker.
    Broker,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(line) => write!(f, "line {line} of the file"),
            Self::CommandLine => f.write_str("--set"),
            Self::Cluster => f.write_str("set for all brokers"),
            Self::Broker => f.write_str("set for this broker"),
        }
    }
}

/// One value as text; `None` is Kafka's null, "not set".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub value: Option<String>,
    pub source: Source,
}

/// Every key that is kept, with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    by_name: BTreeMap<&'static str, Setting>,
}

impl Settings {
    pub(super) fn defaults(machine: &Machine) -> Self {
        let by_name = keys::kept()
            .map(|key| {
                let setting = Setting {
                    value: key.default.text(machine),
                    source: Source::Default,
                };
                (key.name, setting)
            })
            .collect();
        Self { by_name }
    }

    /// Checks `text` against the key's row and takes it in.
    pub(super) fn set(
        &mut self,
        key: &'static Key,
        text: &str,
        source: Source,
    ) -> Result<(), ConfigError> {
        let text = text.trim();
        let value = key.normalise(text).map_err(|reason| ConfigError::Invalid {
            key: key.name,
            value: text.to_owned(),
            from: source,
            reason,
        })?;
        let value = Some(value);
        self.by_name.insert(key.name, Setting { value, source });
        Ok(())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        self.by_name.get(name)
    }

    pub(super) fn kept(&self, name: &str) -> Option<(&'static str, &Setting)> {
        let (name, setting) = self.by_name.get_key_value(name)?;
        Some((*name, setting))
    }

    /// The text of a key; `None` where it is null.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.value.as_deref()
    }

    pub(super) fn source(&self, name: &str) -> Source {
        self.get(name).map_or(Source::Default, |s| s.source)
    }

    /// The value of a key in its own type.
    pub(super) fn typed<V: Value>(&self, name: &'static str) -> Result<V, ConfigError> {
        let text = self.text(name);
        V::read(text).map_err(|reason| self.invalid(name, reason))
    }

    /// An error about a value that passed its own row but not a later check.
    pub(super) fn invalid(&self, name: &'static str, reason: String) -> ConfigError {
        ConfigError::Invalid {
            key: name,
            value: self.text(name).unwrap_or("null").to_owned(),
            from: self.source(name),
            reason,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, &Setting)> {
        self.by_name.iter().map(|(name, setting)| (*name, setting))
    }
}
