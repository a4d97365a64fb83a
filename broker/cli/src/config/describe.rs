//! What is set on a resource, by DescribeConfigs.

use naru_client::{Cluster, KafkaError};
use naru_wire::Str;
use naru_wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use serde::Serialize;

use super::resource::Resource;
use super::source::ConfigSource;

/// A config, as a broker shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    pub name: String,
    /// `None` if it is sensitive, or not set.
    pub value: Option<String>,
    pub source: ConfigSource,
    #[serde(rename = "type")]
    pub kind: &'static str,
    pub is_read_only: bool,
    pub is_sensitive: bool,
    /// Where else the value could come from, nearest first.
    pub synonyms: Vec<Synonym>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub documentation: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub struct Synonym {
    pub name: String,
    pub value: Option<String>,
    pub source: ConfigSource,
}

/// The configs of these names, or all, by name.
///
/// # Errors
/// When the resource is not there, or its broker cannot be asked.
pub fn describe(
    cluster: &mut Cluster,
    resource: &Resource,
    names: Option<&[String]>,
    with_docs: bool,
) -> Result<Vec<Config>, KafkaError> {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: resource.kind as i8,
            resource_name: resource.wire_name().into(),
            configuration_keys: names.map(|names| names.iter().map(Str::from).collect()),
        }],
        include_synonyms: true,
        include_documentation: with_docs,
    };
    let mut configs = Vec::new();
    for result in resource.ask(cluster, &request)?.results {
        let what = || format!("the configs of {resource}");
        KafkaError::check(result.error_code, what, result.error_message.as_ref())?;
        configs.extend(
            result
                .configs
                .iter()
                .map(|config| Config::of(config, with_docs)),
        );
    }
    configs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(configs)
}

/// The value of one config of a topic.
///
/// # Errors
/// As [`describe`].
pub fn topic_value(
    cluster: &mut Cluster,
    topic: &str,
    name: &str,
) -> Result<Option<String>, KafkaError> {
    let names = [name.to_owned()];
    let mut found = describe(cluster, &Resource::topic(topic), Some(&names), false)?;
    Ok(found.pop().and_then(|config| config.value))
}

impl Config {
    fn of(config: &DescribeConfigsResourceResult, with_docs: bool) -> Self {
        let text = |text: &Option<Str>| text.as_ref().map(ToString::to_string);
        let synonyms = config.synonyms.iter().map(|synonym| Synonym {
            name: synonym.name.to_string(),
            value: text(&synonym.value),
            source: synonym.source.into(),
        });
        Self {
            name: config.name.to_string(),
            value: text(&config.value),
            source: config.config_source.into(),
            kind: kind(config.config_type),
            is_read_only: config.read_only,
            is_sensitive: config.is_sensitive,
            synonyms: synonyms.collect(),
            documentation: text(&config.documentation).filter(|docs| with_docs && !docs.is_empty()),
        }
    }

    /// The value as people read it.
    pub fn shown(&self) -> String {
        match (&self.value, self.is_sensitive) {
            (_, true) => "(hidden)".to_owned(),
            (Some(value), _) => value.clone(),
            (None, _) => "(none)".to_owned(),
        }
    }
}

/// `ConfigEntry.ConfigType`
fn kind(config_type: i8) -> &'static str {
    match config_type {
        1 => "boolean",
        2 => "string",
        3 => "int",
        4 => "short",
        5 => "long",
        6 => "double",
        7 => "list",
        8 => "class",
        9 => "password",
        _ => "unknown",
    }
}
