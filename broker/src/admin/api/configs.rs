//! The configs of topics and of this broker, each with where its value comes from.

use schemars::JsonSchema;
use serde::Serialize;

use super::Paged;
use crate::admin::answer::Problem;
use crate::admin::call::Call;
use crate::config::{Source, TopicSource, topic};

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
    #[serde(rename = "STATIC_BROKER_CONFIG")]
    Broker,
    #[serde(rename = "DEFAULT_CONFIG")]
    Default,
}

impl From<TopicSource> for SourceName {
    fn from(source: TopicSource) -> Self {
        match source {
            TopicSource::Topic => Self::Topic,
            TopicSource::Broker => Self::Broker,
            TopicSource::Default => Self::Default,
        }
    }
}

impl From<Source> for SourceName {
    fn from(source: Source) -> Self {
        match source {
            Source::Default => Self::Default,
            Source::File(_) | Source::CommandLine => Self::Broker,
        }
    }
}

pub async fn of_topic(call: Call) -> Result<Paged<ConfigInfo>, Problem> {
    let page = call.page()?;
    let topic = call.topic()?;
    let entries = topic::entries(&topic.configs, &call.broker.config);
    let configs = entries.into_iter().map(|entry| ConfigInfo {
        name: entry.name,
        value: Some(entry.value),
        source: entry.source.into(),
        written_in: None,
        documentation: entry.doc,
        synonyms: entry
            .synonyms
            .into_iter()
            .map(|(name, value, source)| Synonym {
                name,
                value: Some(value),
                source: source.into(),
            })
            .collect(),
    });
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
    let configs = config.entries().map(|(key, setting)| ConfigInfo {
        name: key.name,
        value: setting.value.clone(),
        source: setting.source.into(),
        written_in: (setting.source != Source::Default).then(|| setting.source.to_string()),
        documentation: key.doc,
        synonyms: Vec::new(),
    });
    Ok(paged(configs, page.after.as_deref(), page.limit))
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
