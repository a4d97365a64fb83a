//! DescribeConfigs (v1–v4) of topics, of this broker and of all, of its loggers, of groups and of
//! clients' metrics.

use std::collections::HashSet;

use naru_wire::api::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
    DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use naru_wire::{ErrorCode, Str};

use super::config_resources::{
    BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, Refused, TOPIC, broker_of, invalid_request,
    layers, named_resource, own_node,
};
use super::dispatch::{Context, Turns};
use super::topics::topic_error;
use crate::cluster::{ConfigResource, TopicRef};
use crate::config::{ConfigSource, Entry, client_metrics_entries};
use crate::logging;

/// `ConfigType` of what has none.
const UNKNOWN_TYPE: i8 = 0;

pub async fn handle(context: &Context, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let mut results = Vec::new();
    let mut turns = Turns::of(context);
    // Each once: the answer is many times as long as the question.
    let mut seen = HashSet::with_capacity(request.resources.len());
    for resource in &request.resources {
        if !seen.insert((resource.resource_type, &resource.resource_name)) {
            continue;
        }
        let described = describe(context, resource, &request);
        let (error_code, error_message, configs) = match described {
            Ok(configs) => (ErrorCode::None, Some(Str::default()), configs),
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

fn describe(
    context: &Context,
    resource: &DescribeConfigsResource,
    request: &DescribeConfigsRequest,
) -> Result<Vec<DescribeConfigsResourceResult>, Refused> {
    let name = &resource.resource_name;
    if resource.resource_type == BROKER_LOGGER {
        own_node(name, context.shard.config.node_id, "")?;
        let levels = logging::levels().into_iter();
        let levels = levels.filter(|(logger, _)| is_wanted(resource, logger));
        return Ok(levels.map(|(name, level)| logger(name, level)).collect());
    }
    let entries = match resource.resource_type {
        TOPIC => topic_entries(context, name)?,
        BROKER => broker_entries(context, name)?,
        GROUP | CLIENT_METRICS => resource_entries(context, resource.resource_type, name)?,
        other => {
            let message = format!("resources of type {other} have no configs here");
            return invalid_request(message);
        }
    };
    let entries = entries.into_iter();
    let entries = entries.filter(|entry| is_wanted(resource, entry.name));
    Ok(entries.map(|entry| result(entry, request)).collect())
}

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    match &resource.configuration_keys {
        Some(keys) if !keys.is_empty() => keys.iter().any(|key| **key == *name),
        _ => true,
    }
}

fn topic_entries(context: &Context, name: &Str) -> Result<Vec<Entry>, Refused> {
    let image = context.shard.image();
    let no_topic = || (topic_error(name), format!("there is no topic {name}"));
    let topic = image.topic(TopicRef::Name(name)).ok_or_else(no_topic)?;
    let layers = layers(&context.shard.config, &image);
    Ok(layers.topic_entries(&topic.configs, &context.shard.config()))
}

fn resource_entries(context: &Context, kind: i8, name: &Str) -> Result<Vec<Entry>, Refused> {
    if name.is_empty() {
        return invalid_request(match kind {
            GROUP => "Group name must not be empty",
            _ => "Client metrics subscription name must not be empty",
        });
    }
    let image = context.shard.image();
    let layers = layers(&context.shard.config, &image);
    Ok(match named_resource(kind, name) {
        Some(group @ ConfigResource::Group(_)) => {
            layers.group_entries(image.resource_configs(&group), &context.shard.config())
        }
        Some(metrics @ ConfigResource::ClientMetrics(_)) => {
            client_metrics_entries(image.resource_configs(&metrics))
        }
        None => Vec::new(),
    })
}

fn broker_entries(context: &Context, name: &Str) -> Result<Vec<Entry>, Refused> {
    let image = context.shard.image();
    let layers = layers(&context.shard.config, &image);
    Ok(match broker_of(name, context.shard.config.node_id)? {
        Some(_) => layers.broker_entries(&context.shard.config()),
        None => layers.cluster_entries(),
    })
}

fn result(entry: Entry, request: &DescribeConfigsRequest) -> DescribeConfigsResourceResult {
    let synonyms = entry.synonyms.iter().map(|synonym| DescribeConfigsSynonym {
        name: Str::from(synonym.name),
        value: Some(Str::from(&synonym.value)),
        source: synonym.source.code(),
    });
    DescribeConfigsResourceResult {
        name: Str::from(entry.name),
        value: entry.value.as_ref().map(Str::from),
        read_only: entry.read_only,
        config_source: entry.source.code(),
        is_sensitive: false,
        synonyms: if request.include_synonyms {
            synonyms.collect()
        } else {
            Vec::new()
        },
        config_type: entry.kind.wire_type(),
        documentation: request.include_documentation.then(|| Str::from(entry.doc)),
    }
}

fn logger(name: &str, level: &'static str) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: Str::from(name),
        value: Some(Str::from(level)),
        read_only: false,
        config_source: ConfigSource::Logger.code(),
        is_sensitive: false,
        synonyms: Vec::new(),
        config_type: UNKNOWN_TYPE,
        documentation: Some(Str::default()),
    }
}
