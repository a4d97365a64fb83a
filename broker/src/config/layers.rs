//! Where a value comes from while the broker runs: what clients have set for it or for all brokers,
//! over what its file says, over the default. What DescribeConfigs shows is put together here.
//!
//! Kafka's order of synonyms: layer by layer, and in each the key itself before the keys that it
//! falls back to; those before the key's own first one are left out, so that a topic's
//! `retention.ms` that comes from `log.retention.hours` alone has none.

use std::collections::BTreeMap;

use super::error::ConfigError;
use super::keys::{self, Key, Kind};
use super::load::BrokerConfig;
use super::resources::{CLIENT_METRICS_KEYS, GROUP_KEYS, ResourceOverrides};
use super::settings::Source;
use super::topic::{self, TOPIC_KEYS, TopicOverrides};

/// What clients have set for one broker, or for all.
pub type BrokerOverrides = BTreeMap<String, String>;

/// `ConfigEntry.ConfigSource`; the discriminants are DescribeConfigs'.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub enum ConfigSource {
    /// Set on the topic.
    Topic = 1,
    /// Set for this broker while it ran.
    Broker = 2,
    /// Set for all brokers while they ran.
    Cluster = 3,
    /// In this broker's file or on its command line.
    File = 4,
    /// Nobody set it.
    Default = 5,
    /// The level of a logger.
    Logger = 6,
    /// Set for a subscription of clients' metrics.
    ClientMetrics = 7,
    /// Set for a group.
    Group = 8,
}

impl ConfigSource {
    pub fn code(self) -> i8 {
        self as i8
    }
}

impl From<Source> for ConfigSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Default => Self::Default,
            Source::File(_) | Source::CommandLine => Self::File,
            Source::Cluster => Self::Cluster,
            Source::Broker => Self::Broker,
        }
    }
}

/// A value that was in the running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Synonym {
    pub name: &'static str,
    pub value: String,
    pub source: ConfigSource,
}

/// One line of what DescribeConfigs shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub name: &'static str,
    pub kind: Kind,
    /// `None` where it is not set.
    pub value: Option<String>,
    pub source: ConfigSource,
    /// Whether only the file changes it.
    pub read_only: bool,
    pub doc: &'static str,
    /// The winner first.
    pub synonyms: Vec<Synonym>,
}

/// The layers of a broker's configuration.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// What the broker started with.
    pub file: &'a BrokerConfig,
    /// What clients have set for all brokers.
    pub cluster: &'a BrokerOverrides,
    /// What clients have set for this one.
    pub own: &'a BrokerOverrides,
}

impl Layers<'_> {
    /// The configuration that all layers come to. What an older broker took and this one does not
    /// is left out and told to the log; it must not stop the broker.
    pub fn effective(&self) -> BrokerConfig {
        self.file.overridden(self.overrides(), |error| {
            tracing::warn!("a config that clients have set is not used: {error}");
        })
    }

    /// The overrides, the stronger ones last.
    fn overrides(&self) -> impl Iterator<Item = (&str, &str, Source)> {
        let cluster = self.cluster.iter().map(|pair| (pair, Source::Cluster));
        let own = self.own.iter().map(|pair| (pair, Source::Broker));
        let all = cluster.chain(own);
        all.map(|((key, value), source)| (key.as_str(), value.as_str(), source))
    }

    /// Whether a broker can work with these layers; the first thing that speaks against it.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut wrong = None;
        let effective = self.file.overridden(self.overrides(), |error| {
            wrong.get_or_insert(error);
        });
        match wrong {
            Some(error) => Err(error),
            None => effective.check(&mut Vec::new()),
        }
    }

    /// Every key that the broker keeps, by name; `now` is what the layers come to.
    pub fn broker_entries(&self, now: &BrokerConfig) -> Vec<Entry> {
        let entries = now.entries().map(|(key, setting)| {
            let value = setting.value.clone();
            entry(key, value, self.synonyms(key.name))
        });
        entries.collect()
    }

    /// What clients have set for all brokers, by name.
    pub fn cluster_entries(&self) -> Vec<Entry> {
        let set = self.cluster.iter();
        let entries = set.filter_map(|(name, value)| {
            let key = keys::find(name)?;
            let synonyms = vec![Synonym {
                name: key.name,
                value: value.clone(),
                source: ConfigSource::Cluster,
            }];
            Some(entry(key, Some(value.clone()), synonyms))
        });
        entries.collect()
    }

    /// Every topic key, by name, for a topic that sets `overrides`; `now` is what the layers come
    /// to.
    pub fn topic_entries(&self, overrides: &TopicOverrides, now: &BrokerConfig) -> Vec<Entry> {
        let mut entries: Vec<Entry> = TOPIC_KEYS
            .iter()
            .map(|row| {
                let own = own(&row.key, overrides, ConfigSource::Topic);
                let inherited = row.synonyms.first().map(|(name, _)| self.synonyms(name));
                let synonyms = own.into_iter().chain(inherited.unwrap_or_default());
                let value = topic::value(row, overrides, now);
                Entry {
                    read_only: false,
                    ..entry(&row.key, Some(value), synonyms.collect())
                }
            })
            .collect();
        entries.sort_by_key(|entry| entry.name);
        entries
    }

    /// Every key of a group that sets `overrides`, by name; `now` is what the layers come to.
    pub fn group_entries(&self, overrides: &ResourceOverrides, now: &BrokerConfig) -> Vec<Entry> {
        let entries = GROUP_KEYS.iter().map(|row| {
            let own = own(&row.key, overrides, ConfigSource::Group);
            let inherited = now.setting(row.synonym).and_then(|one| one.value.clone());
            let value = own.as_ref().map(|own| own.value.clone()).or(inherited);
            let synonyms = own.into_iter().chain(self.synonyms(row.synonym));
            Entry {
                read_only: false,
                ..entry(&row.key, value, synonyms.collect())
            }
        });
        entries.collect()
    }

    /// The values in the running for a broker key.
    fn synonyms(&self, name: &str) -> Vec<Synonym> {
        let names = || keys_in_the_running(name).filter_map(|name| self.file.kept(name));
        let mut all = Vec::new();
        let mut add = |name, value: Option<String>, source| {
            all.extend(value.map(|value| Synonym {
                name,
                value,
                source,
            }));
        };
        for (name, _) in names() {
            add(name, self.own.get(name).cloned(), ConfigSource::Broker);
        }
        for (name, _) in names() {
            add(name, self.cluster.get(name).cloned(), ConfigSource::Cluster);
        }
        for (name, setting) in names().filter(|(_, s)| s.source != Source::Default) {
            add(name, setting.value.clone(), ConfigSource::File);
        }
        for (name, setting) in names() {
            let default = match setting.source {
                Source::Default => setting.value.clone(),
                _ => keys::find(name).and_then(|key| self.file.default_of(key)),
            };
            add(name, default, ConfigSource::Default);
        }
        let all = all.into_iter();
        all.skip_while(|synonym| synonym.name != name).collect()
    }
}

/// Every key of a subscription of clients' metrics that sets `overrides`, by name.
pub fn client_metrics_entries(overrides: &ResourceOverrides) -> Vec<Entry> {
    let entries = CLIENT_METRICS_KEYS.iter().map(|key| {
        let own = own(key, overrides, ConfigSource::ClientMetrics);
        let value = own.as_ref().map(|own| own.value.clone());
        let default = match key.default {
            keys::Default::Is(default) => Some(default.to_owned()),
            _ => None,
        };
        Entry {
            read_only: false,
            ..entry(key, value.or(default), own.into_iter().collect())
        }
    });
    entries.collect()
}

/// What a resource sets of a key itself.
fn own(
    key: &'static Key,
    overrides: &BTreeMap<String, String>,
    source: ConfigSource,
) -> Option<Synonym> {
    let value = overrides.get(key.name)?;
    Some(Synonym {
        name: key.name,
        value: value.clone(),
        source,
    })
}

/// The key, and those that it falls back to (Kafka's `brokerConfigSynonyms`).
fn keys_in_the_running(name: &str) -> impl Iterator<Item = &str> {
    let group: &[&str] = match name {
        "log.retention.ms" | "log.retention.minutes" | "log.retention.hours" => &[
            "log.retention.ms",
            "log.retention.minutes",
            "log.retention.hours",
        ],
        "log.roll.ms" | "log.roll.hours" => &["log.roll.ms", "log.roll.hours"],
        _ => &[],
    };
    let alone = group.is_empty().then_some(name);
    group.iter().copied().chain(alone)
}

fn entry(key: &'static Key, value: Option<String>, synonyms: Vec<Synonym>) -> Entry {
    let source = synonyms.first().map(|synonym| synonym.source);
    Entry {
        name: key.name,
        kind: key.kind,
        value,
        source: source.unwrap_or(ConfigSource::Default),
        read_only: !keys::is_dynamic(key.name),
        doc: key.doc,
        synonyms,
    }
}
