//! IncrementalAlterConfigs (v0–v1, KIP-339) and the older AlterConfigs (v0–v2), of topics.
//!
//! What is asked of one resource happens as a whole or not at all. Brokers have no configs that
//! change while they run: they are told to clients with a refusal that says where to set them.

use std::collections::BTreeSet;

use naru_wire::api::alter_configs::{self, AlterConfigsRequest, AlterConfigsResponse};
use naru_wire::api::incremental_alter_configs::{
    AlterConfigsResourceResponse, AlterableConfig, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};
use naru_wire::{ErrorCode, Str};

use super::dispatch::{Context, Turns};
use super::topics::cluster_error_code;
use crate::cluster::{Command, ConfigChange, Topic, TopicRef};
use crate::config::{BrokerConfig, Kind, topic};

/// `ConfigResource.Type`
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// `AlterConfigOp.OpType`
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

/// An error code with the sentence that a client shows.
type Refused = (ErrorCode, String);

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
            .map(|c| (&c.name, SET, c.value.as_ref()))
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
            Err((ErrorCode::InvalidRequest, message))
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
    match wanted.resource_type {
        TOPIC => {}
        BROKER => {
            let message = "Naru's brokers have no configs that change while they run: set them in the config file or with --set, and restart";
            return Err((ErrorCode::InvalidRequest, message.into()));
        }
        other => {
            let message = format!("resources of type {other} have no configs here");
            return Err((ErrorCode::InvalidRequest, message));
        }
    }
    let image = context.shard.image();
    let topic = image.topic(TopicRef::Name(wanted.name)).ok_or_else(|| {
        let message = format!("there is no topic {}", wanted.name);
        (ErrorCode::UnknownTopicOrPartition, message)
    })?;
    let changes = changes(&context.shard.config, wanted, &topic)?;
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

/// What the request changes, checked.
fn changes(
    config: &BrokerConfig,
    wanted: &Wanted<'_>,
    topic: &Topic,
) -> Result<Vec<ConfigChange>, Refused> {
    let mut named = BTreeSet::new();
    let mut changes = Vec::new();
    for (key, operation, value) in &wanted.configs {
        if !named.insert(*key) {
            let message = format!("{key} is named more than once for topic {}", topic.name);
            return Err((ErrorCode::InvalidRequest, message));
        }
        let value = value.map(|value| &**value);
        let value = match (*operation, value) {
            (DELETE, _) => None,
            (SET | APPEND | SUBTRACT, None) => {
                let message = format!("Null value not supported for topic configs: {key}");
                return Err((ErrorCode::InvalidRequest, message));
            }
            (SET, Some(value)) => Some(value.to_owned()),
            (APPEND | SUBTRACT, Some(value)) => {
                Some(changed_list(config, topic, key, *operation, value)?)
            }
            (other, _) => {
                let message = format!("there is no operation {other} on configs");
                return Err((ErrorCode::InvalidRequest, message));
            }
        };
        let value = match value {
            None => None,
            Some(value) => {
                let checked = topic::check([(&***key, value.as_str())]);
                let checked = checked.map_err(|e| (ErrorCode::InvalidConfig, e.to_string()))?;
                checked.into_values().next()
            }
        };
        changes.push(ConfigChange {
            key: key.to_string(),
            value,
        });
    }
    Ok(changes)
}

/// The value of a list with entries added or taken away.
fn changed_list(
    config: &BrokerConfig,
    topic: &Topic,
    key: &str,
    operation: i8,
    value: &str,
) -> Result<String, Refused> {
    topic::find(key)
        .filter(|row| row.key.kind == Kind::List)
        .ok_or_else(|| {
            let verb = if operation == APPEND {
                "APPEND to"
            } else {
                "SUBTRACT from"
            };
            let message = format!("Can't {verb} key {key} because its type is not LIST.");
            (ErrorCode::InvalidConfig, message)
        })?;
    let all = topic::entries(&topic.configs, config);
    let present = all
        .iter()
        .find(|entry| entry.name == key)
        .map_or("", |entry| &entry.value);
    let entries = |text: &str| -> Vec<String> {
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        entries.map(str::to_owned).collect()
    };
    let mut list = entries(present);
    for entry in entries(value) {
        let at = list.iter().position(|known| *known == entry);
        match (operation, at) {
            // What is there already keeps its place, as in Kafka.
            (APPEND, None) => list.push(entry),
            (SUBTRACT, Some(at)) => drop(list.remove(at)),
            _ => {}
        }
    }
    Ok(list.join(","))
}
