//! DescribeConfigs (v1–v4) of topics and of this broker.

use std::collections::HashSet;

use naru_wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use crate::cluster::TopicRef;
use crate::config::{Source, TopicSource, topic};

/// `ConfigResource.Type`
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// `ConfigEntry.ConfigSource`
const DYNAMIC_TOPIC_CONFIG: i8 = 1;
const STATIC_BROKER_CONFIG: i8 = 4;
const DEFAULT_CONFIG: i8 = 5;

pub fn topic_config_source(source: &TopicSource) -> i8 {
    match source {
        TopicSource::Topic => DYNAMIC_TOPIC_CONFIG,
        TopicSource::Broker => STATIC_BROKER_CONFIG,
        TopicSource::Default => DEFAULT_CONFIG,
    }
}

pub async fn handle(context: &Context, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let mut results = Vec::new();
    let mut turns = Turns::of(context);
    // Each once: the answer is many times as long as the question.
    let mut seen = HashSet::with_capacity(request.resources.len());
    for resource in &request.resources {
        if !seen.insert((resource.resource_type, &resource.resource_name)) {
            continue;
        }
        let described = match resource.resource_type {
            TOPIC => topic_configs(context, resource, &request),
            BROKER => broker_configs(context, resource, &request),
            other => Err((
                ErrorCode::InvalidRequest,
                format!("resources of type {other} have no configs here"),
            )),
        };
        let (error_code, error_message, configs) = match described {
            Ok(configs) => (ErrorCode::None, None, configs),
            Err((code, message)) => (code, Some(Str::from(message)), Vec::new()),
        };
        turns.take(1 + configs.len()).await;
        results.push(DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name.clone(),
            configs,
        });
    }
    DescribeConfigsResponse {
        results,
        ..Default::default()
    }
}

type Described = Result<Vec<DescribeConfigsResourceResult>, (ErrorCode, String)>;

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    match &resource.configuration_keys {
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| **key == *name),
        _ => true,
    }
}

fn topic_configs(
    context: &Context,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Described {
    let image = context.shard.image();
    let topic = image.topic(TopicRef::Name(&resource.resource_name));
    let topic = topic.ok_or_else(|| {
        let message = format!("there is no topic {}", resource.resource_name);
        (ErrorCode::UnknownTopicOrPartition, message)
    })?;
    let entries = topic::entries(&topic.configs, &context.shard.config).into_iter();
    let entries = entries.filter(|entry| is_wanted(resource, entry.name));
    let described = entries.map(|entry| {
        let synonyms = entry
            .synonyms
            .iter()
            .map(|(name, value, source)| synonym(name, Some(value), topic_config_source(source)));
        DescribeConfigsResourceResult {
            name: Str::from(entry.name),
            value: Some(Str::from(entry.value)),
            read_only: false,
            config_source: topic_config_source(&entry.source),
            is_sensitive: false,
            synonyms: if request.include_synonyms {
                synonyms.collect()
            } else {
                Vec::new()
            },
            config_type: entry.kind.wire_type(),
            documentation: request.include_documentation.then(|| Str::from(entry.doc)),
        }
    });
    Ok(described.collect())
}

fn synonym(name: &str, value: Option<&str>, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym {
        name: Str::from(name),
        value: value.map(Str::from),
        source,
    }
}

fn broker_configs(
    context: &Context,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Described {
    let config = &context.shard.config;
    if *resource.resource_name != *config.node_id.to_string() {
        let message = if resource.resource_name.is_empty() {
            "the cluster has no broker-wide dynamic configs".to_owned()
        } else {
            format!(
                "unexpected broker id {}, this is broker {}",
                resource.resource_name, config.node_id
            )
        };
        return if resource.resource_name.is_empty() {
            Ok(Vec::new())
        } else {
            Err((ErrorCode::InvalidRequest, message))
        };
    }
    let entries = config
        .entries()
        .filter(|(key, _)| is_wanted(resource, key.name));
    let described = entries.map(|(key, setting)| {
        let source = match setting.source {
            Source::Default => DEFAULT_CONFIG,
            Source::File(_) | Source::CommandLine => STATIC_BROKER_CONFIG,
        };
        DescribeConfigsResourceResult {
            name: Str::from(key.name),
            value: setting.value.as_ref().map(Str::from),
            read_only: true,
            config_source: source,
            is_sensitive: false,
            synonyms: if request.include_synonyms {
                vec![synonym(key.name, setting.value.as_deref(), source)]
            } else {
                Vec::new()
            },
            config_type: key.kind.wire_type(),
            documentation: request.include_documentation.then(|| Str::from(key.doc)),
        }
    });
    Ok(described.collect())
}
