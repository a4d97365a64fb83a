//! IncrementalAlterConfigs (v0–v1, KIP-339) and the older AlterConfigs (v0–v2).
//!
//! What is asked of one resource happens as a whole or not at all. Topics' and brokers' configs are
//! commands of the cluster's metadata; the levels of loggers are this process's alone.

use std::collections::BTreeSet;

use naru_wire::api::alter_configs::{self, AlterConfigsRequest, AlterConfigsResponse};
use naru_wire::api::incremental_alter_configs::{
    AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use naru_wire::{ErrorCode, Str};

use super::alter_broker_configs::{alter_broker, alter_loggers};
use super::alter_resource_configs::alter_resource;
use super::config_changes::{Change, Operation, changed_list};
use super::config_resources::{
    BROKER, BROKER_LOGGER, Refused, TOPIC, invalid_request, layers, named_resource,
};
use super::dispatch::{Context, Turns};
use super::topics::cluster_error_code;
use crate::cluster::{Command, ConfigChange, Topic, TopicRef};
use crate::config::{Kind, topic};

/// What one resource asks for.
struct Wanted<'a> {
    resource_type: i8,
    name: &'a Str,
    configs: Vec<(&'a Str, i8, Option<&'a Str>)>,
    /// Forget what is not named.
    replace: bool,
}

pub async fn incremental(
    context: &Context,
    request: IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    let operation = |config: &AlterableConfig| config.config_operation;
    let resources = request.resources.iter().map(|resource| Wanted {
        resource_type: resource.resource_type,
        name: &resource.resource_name,
        configs: resource
            .configs
            .iter()
            .map(|c| (&c.name, operation(c), c.value.as_ref()))
            .collect(),
        replace: false,
    });
    let answers = alter_all(context, resources.collect(), request.validate_only).await;
    let responses = answers
        .into_iter()
        .map(
            |(wanted, (error_code, error_message))| AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: wanted.resource_type,
                resource_name: wanted.name.clone(),
            },
        );
    IncrementalAlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

pub async fn replacing(context: &Context, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let resources = request.resources.iter().map(|resource| Wanted {
        resource_type: resource.resource_type,
        name: &resource.resource_name,
        configs: resource
            .configs
            .iter()
            .map(|c| (&c.name, Operation::SET, c.value.as_ref()))
            .collect(),
        replace: true,
    });
    let answers = alter_all(context, resources.collect(), request.validate_only).await;
    let responses = answers
        .into_iter()
        .map(
            |(wanted, (error_code, error_message))| alter_configs::AlterConfigsResourceResponse {
                error_code,
                error_message,
                resource_type: wanted.resource_type,
                resource_name: wanted.name.clone(),
            },
        );
    AlterConfigsResponse {
        responses: responses.collect(),
        ..Default::default()
    }
}

async fn alter_all<'a>(
    context: &Context,
    resources: Vec<Wanted<'a>>,
    validate_only: bool,
) -> Vec<(Wanted<'a>, (ErrorCode, Option<Str>))> {
    let mut seen = BTreeSet::new();
    let mut doubled = BTreeSet::new();
    for wanted in &resources {
        let resource = (wanted.resource_type, wanted.name.clone());
        if !seen.insert(resource.clone()) {
            doubled.insert(resource);
        }
    }
    let mut answers = Vec::new();
    let mut turns = Turns::of(context);
    for wanted in resources {
        turns.take(1 + wanted.configs.len()).await;
        let altered = if doubled.contains(&(wanted.resource_type, wanted.name.clone())) {
            let message = format!("{} is named more than once in the request", wanted.name);
            invalid_request(message)
        } else {
            alter(context, &wanted, validate_only).await
        };
        let answer = match altered {
            Ok(()) => (ErrorCode::None, None),
            Err((code, message)) => (code, Some(Str::from(message))),
        };
        answers.push((wanted, answer));
    }
    answers
}

async fn alter(context: &Context, wanted: &Wanted<'_>, validate_only: bool) -> Result<(), Refused> {
    let changes = Change::read(&wanted.configs)?;
    match wanted.resource_type {
        TOPIC if wanted.name.is_empty() => {
            invalid_request("Default topic resources are not allowed.")
        }
        TOPIC => alter_topic(context, wanted, &changes, validate_only).await,
        BROKER => {
            alter_broker(
                context,
                wanted.name,
                &changes,
                wanted.replace,
                validate_only,
            )
            .await
        }
        BROKER_LOGGER if !wanted.replace => {
            alter_loggers(context, wanted.name, &changes, validate_only)
        }
        other => match named_resource(other, wanted.name) {
            Some(resource) => {
                alter_resource(context, resource, &changes, wanted.replace, validate_only).await
            }
            None => invalid_request(format!("Unknown resource type {other}")),
        },
    }
}

async fn alter_topic(
    context: &Context,
    wanted: &Wanted<'_>,
    changes: &[Change<'_>],
    validate_only: bool,
) -> Result<(), Refused> {
    let image = context.shard.image();
    let topic = image.topic(TopicRef::Name(wanted.name)).ok_or_else(|| {
        let message = format!("The topic '{}' does not exist.", wanted.name);
        (ErrorCode::UnknownTopicOrPartition, message)
    })?;
    let checked = changes
        .iter()
        .map(|change| topic_change(context, &topic, change));
    let changes = checked.collect::<Result<Vec<_>, _>>()?;
    if validate_only {
        return Ok(());
    }
    let command = Command::AlterTopicConfigs {
        topic_id: topic.id,
        changes,
        replace: wanted.replace,
    };
    let altered = context.shard.propose(command).await;
    altered
        .map(drop)
        .map_err(|error| (cluster_error_code(&error), error.to_string()))
}

/// One change of a topic's configs, checked.
fn topic_change(
    context: &Context,
    topic: &Topic,
    change: &Change<'_>,
) -> Result<ConfigChange, Refused> {
    let key = change.key.to_owned();
    let value = match change.operation {
        Operation::Delete => return Ok(ConfigChange { key, value: None }),
        Operation::Set(value) => value.to_owned(),
        Operation::Append(items) | Operation::Subtract(items) => {
            let is_list = topic::find(&key).is_some_and(|row| row.key.kind == Kind::List);
            if !is_list {
                let verb = match change.operation {
                    Operation::Append(_) => "APPEND to",
                    _ => "SUBTRACT from",
                };
                let message = format!("Can't {verb} key {key} because its type is not LIST.");
                return Err((ErrorCode::InvalidConfig, message));
            }
            let image = context.shard.image();
            let layers = layers(&context.shard.config, &image);
            let entries = layers.topic_entries(&topic.configs, &context.shard.config());
            let present = entries.into_iter().find(|entry| entry.name == key);
            let present = present.and_then(|entry| entry.value).unwrap_or_default();
            changed_list(
                &present,
                items,
                matches!(change.operation, Operation::Append(_)),
            )
        }
    };
    let checked = topic::check([(&*key, value.as_str())]);
    let checked = checked.map_err(|error| (ErrorCode::InvalidConfig, error.to_string()))?;
    Ok(ConfigChange {
        key,
        value: checked.into_values().next(),
    })
}
