//! The configs of topics and of this broker, each with where its value comes from.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::cluster::ClusterImage;
use crate::config::{BrokerConfig, ConfigSource, Entry, Layers, Source};

/// A config and its value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ConfigInfo {
    pub name: &'static str,
    /// Null where it is not set.
    pub value: Option<String>,
    pub source: SourceName,
    /// Where a broker's value was written, for people: `line 3 of the file`, `--set`.
    pub written_in: Option<String>,
    pub documentation: &'static str,
    /// Everything that was in the running, the winner first.
    pub synonyms: Vec<Synonym>,
}

/// A value that a config would have if those before it were not there.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Synonym {
    pub name: &'static str,
    pub value: Option<String>,
    pub source: SourceName,
}

/// Where a value comes from; Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum SourceName {
    #[serde(rename = "DYNAMIC_TOPIC_CONFIG")]
    Topic,
    #[serde(rename = "DYNAMIC_BROKER_CONFIG")]
    Broker,
    #[serde(rename = "DYNAMIC_DEFAULT_BROKER_CONFIG")]
    Cluster,
    #[serde(rename = "STATIC_BROKER_CONFIG")]
    File,
    #[serde(rename = "DEFAULT_CONFIG")]
    Default,
}

impl From<ConfigSource> for SourceName {
    fn from(source: ConfigSource) -> Self {
        match source {
            ConfigSource::Topic => Self::Topic,
            ConfigSource::Broker => Self::Broker,
            ConfigSource::Cluster => Self::Cluster,
            ConfigSource::File => Self::File,
            ConfigSource::Default => Self::Default,
            // Of what is not shown here.
            ConfigSource::Logger | ConfigSource::ClientMetrics | ConfigSource::Group => {
                Self::Default
            }
        }
    }
}

pub async fn of_topic(call: Call) -> Result<Paged<ConfigInfo>, Problem> {
    let page = call.page()?;
    let topic = call.topic()?;
    let image = call.broker.image();
    let layers = layers(&call.broker.config, &image);
    let entries = layers.topic_entries(&topic.configs, &layers.effective());
    let configs = entries.into_iter().map(|entry| info(entry, None));
    Ok(paged(configs, page.after.as_deref(), page.limit))
}

pub async fn of_broker(call: Call) -> Result<Paged<ConfigInfo>, Problem> {
    let page = call.page()?;
    let config = &call.broker.config;
    if call.segment(0) != config.node_id.to_string() {
        let (asked, own) = (call.segment(0), config.node_id);
        let detail = format!("this is broker {own}; ask broker {asked} for its configs");
        return Err(Problem::not_found(detail));
    }
    let image = call.broker.image();
    let layers = layers(config, &image);
    let now = layers.effective();
    let configs = layers.broker_entries(&now).into_iter().map(|entry| {
        let set = now.setting(entry.name);
        let set = set.filter(|setting| setting.source != Source::Default);
        let written_in = set.map(|setting| setting.source.to_string());
        info(entry, written_in)
    });
    Ok(paged(configs, page.after.as_deref(), page.limit))
}

/// Where the broker's values come from.
fn layers<'a>(file: &'a BrokerConfig, image: &'a ClusterImage) -> Layers<'a> {
    Layers {
        file,
        cluster: image.broker_configs(None),
        own: image.broker_configs(Some(file.node_id)),
    }
}

fn info(entry: Entry, written_in: Option<String>) -> ConfigInfo {
    let synonyms = entry.synonyms.into_iter().map(|synonym| Synonym {
        name: synonym.name,
        value: Some(synonym.value),
        source: synonym.source.into(),
    });
    ConfigInfo {
        name: entry.name,
        value: entry.value,
        source: entry.source.into(),
        written_in,
        documentation: entry.doc,
        synonyms: synonyms.collect(),
    }
}

fn paged(
    configs: impl Iterator<Item = ConfigInfo>,
    after: Option<&str>,
    limit: usize,
) -> Paged<ConfigInfo> {
    let listed = configs.filter(|config| after.is_none_or(|after| config.name > after));
    let listed = listed.take(limit + 1).collect();
    Paged::of(listed, limit, |config: &ConfigInfo| config.name.to_owned())
}
