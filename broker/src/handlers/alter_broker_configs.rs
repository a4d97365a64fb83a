//! What clients set of brokers while they run: for this one or for all, kept by the cluster's
//! metadata; and the levels of this process's loggers, kept by nobody (KIP-226, KIP-412).

use naru_wire::{ErrorCode, Str};

use super::config_changes::{Change, Operation, changed_list};
use super::config_resources::{Refused, broker_of, invalid_request, layers, own_node};
use super::dispatch::Context;
use super::topics::cluster_error_code;
use crate::cluster::{ClusterImage, Command, ConfigChange};
use crate::config::{self, BrokerOverrides, Kind, NotDynamic};
use crate::logging;

pub async fn alter_broker(
    context: &Context,
    name: &Str,
    changes: &[Change<'_>],
    replace: bool,
    validate_only: bool,
) -> Result<(), Refused> {
    let shard = &context.shard;
    let node_id = broker_of(name, shard.config.node_id)?;
    let image = shard.image();
    let checked = changes
        .iter()
        .map(|change| checked(context, &image, node_id, change));
    let changes = checked.collect::<Result<Vec<_>, _>>()?;
    check_together(context, &image, node_id, &changes, replace).map_err(refused)?;
    if validate_only {
        return Ok(());
    }
    let command = Command::AlterBrokerConfigs {
        node_id,
        changes,
        replace,
    };
    let altered = shard.propose(command).await;
    altered
        .map(drop)
        .map_err(|error| (cluster_error_code(&error), error.to_string()))
}

/// All that is wrong with a broker's configs is INVALID_REQUEST (KAFKA-13609).
fn refused(error: NotDynamic) -> Refused {
    (ErrorCode::InvalidRequest, error.to_string())
}

/// One change, checked by itself.
fn checked(
    context: &Context,
    image: &ClusterImage,
    node_id: Option<i32>,
    change: &Change<'_>,
) -> Result<ConfigChange, Refused> {
    let key = change.key.to_owned();
    let now = context.shard.config();
    let value = match change.operation {
        Operation::Delete => return Ok(ConfigChange { key, value: None }),
        Operation::Set(value) => value.to_owned(),
        Operation::Append(items) | Operation::Subtract(items) => {
            let is_append = matches!(change.operation, Operation::Append(_));
            if config::kind(&key).map_err(refused)? != Kind::List {
                let verb = if is_append { "append" } else { "subtract" };
                let message = format!("Config value {verb} is not allowed for config key: {key}");
                return Err((ErrorCode::InvalidConfig, message));
            }
            let set = image.broker_configs(node_id).get(&key);
            let setting = now.setting(&key).and_then(|one| one.value.as_ref());
            let present = set.or(setting).map_or("", String::as_str);
            changed_list(present, items, is_append)
        }
    };
    let value = config::check(&key, &value, &now).map_err(refused)?;
    Ok(ConfigChange {
        key,
        value: Some(value),
    })
}

/// Whether this broker can work with what it would be told.
fn check_together(
    context: &Context,
    image: &ClusterImage,
    node_id: Option<i32>,
    changes: &[ConfigChange],
    replace: bool,
) -> Result<(), NotDynamic> {
    let mut after: BrokerOverrides = match replace {
        true => BrokerOverrides::new(),
        false => image.broker_configs(node_id).clone(),
    };
    for change in changes {
        match &change.value {
            Some(value) => after.insert(change.key.clone(), value.clone()),
            None => after.remove(&change.key),
        };
    }
    let mut layers = layers(&context.shard.config, image);
    match node_id {
        Some(_) => layers.own = &after,
        None => layers.cluster = &after,
    }
    config::check_together(&layers)
}

/// The levels of this process's loggers: all that are named, or none.
pub fn alter_loggers(
    context: &Context,
    name: &Str,
    changes: &[Change<'_>],
    validate_only: bool,
) -> Result<(), Refused> {
    own_node(name, context.shard.config.node_id, "")?;
    let mut levels = Vec::with_capacity(changes.len());
    for change in changes {
        let level = match change.operation {
            Operation::Set(level) => Some(level),
            Operation::Delete if change.key == logging::ROOT => {
                return invalid_request("Removing the log level of the root logger is not allowed");
            }
            Operation::Delete => None,
            Operation::Append(_) | Operation::Subtract(_) => {
                let verb = match change.operation {
                    Operation::Append(_) => "APPEND",
                    _ => "SUBTRACT",
                };
                return invalid_request(format!(
                    "{verb} operation is not allowed for the BROKER_LOGGER resource"
                ));
            }
        };
        let wrong = |error: logging::LevelError| (ErrorCode::InvalidConfig, error.to_string());
        logging::check(change.key, level).map_err(wrong)?;
        levels.push((change.key, level));
    }
    if validate_only {
        return Ok(());
    }
    for (logger, level) in levels {
        let failed =
            |error: logging::LevelError| (ErrorCode::UnknownServerError, error.to_string());
        logging::set(logger, level).map_err(failed)?;
        tracing::info!(
            "the level of logger {logger} is {}",
            level.unwrap_or("its default")
        );
    }
    Ok(())
}
