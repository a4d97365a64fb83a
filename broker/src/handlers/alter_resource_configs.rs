//! What clients set of groups and of subscriptions of clients' metrics, kept by the cluster's
//! metadata (KIP-848, KIP-714).

use naru_wire::ErrorCode;

use super::config_changes::{Change, Operation, changed_list};
use super::config_resources::{Refused, invalid_request};
use super::dispatch::Context;
use super::topics::cluster_error_code;
use crate::cluster::{Command, ConfigChange, ConfigResource};
use crate::config::{
    Entry, Kind, ResourceConfigError, ResourceOverrides, check_client_metrics, check_group,
    client_metrics_entries,
};

pub async fn alter_resource(
    context: &Context,
    resource: ConfigResource,
    changes: &[Change<'_>],
    replace: bool,
    validate_only: bool,
) -> Result<(), Refused> {
    if resource.name().is_empty() {
        let kind = match resource {
            ConfigResource::Group(_) => "group",
            ConfigResource::ClientMetrics(_) => "client metrics",
        };
        return invalid_request(format!("Default {kind} resources are not allowed."));
    }
    let image = context.shard.image();
    let present = image.resource_configs(&resource);
    let changes = changes
        .iter()
        .map(|change| checked(&resource, present, change));
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    let mut after = match replace {
        true => ResourceOverrides::new(),
        false => present.clone(),
    };
    for change in &changes {
        match &change.value {
            Some(value) => after.insert(change.key.clone(), value.clone()),
            None => after.remove(&change.key),
        };
    }
    let fits = match &resource {
        ConfigResource::Group(_) => check_group(&after, &context.shard.config()),
        ConfigResource::ClientMetrics(_) => check_client_metrics(&after),
    };
    fits.map_err(refused)?;
    if validate_only {
        return Ok(());
    }
    let command = Command::AlterResourceConfigs {
        resource,
        changes,
        replace,
    };
    let altered = context.shard.propose(command).await;
    altered
        .map(drop)
        .map_err(|error| (cluster_error_code(&error), error.to_string()))
}

fn refused(error: ResourceConfigError) -> Refused {
    let code = match error {
        ResourceConfigError::InvalidConfig(_) => ErrorCode::InvalidConfig,
        ResourceConfigError::InvalidRequest(_) => ErrorCode::InvalidRequest,
    };
    (code, error.to_string())
}

/// One change; whether its value fits is looked at with all others.
fn checked(
    resource: &ConfigResource,
    present: &ResourceOverrides,
    change: &Change<'_>,
) -> Result<ConfigChange, Refused> {
    let key = change.key.to_owned();
    let (items, is_append) = match change.operation {
        Operation::Delete => return Ok(ConfigChange { key, value: None }),
        Operation::Set(value) => {
            let value = Some(value.trim().to_owned());
            return Ok(ConfigChange { key, value });
        }
        Operation::Append(items) => (items, true),
        Operation::Subtract(items) => (items, false),
    };
    let entries: Vec<Entry> = match resource {
        // No key of a group is a list.
        ConfigResource::Group(_) => Vec::new(),
        ConfigResource::ClientMetrics(_) => client_metrics_entries(present),
    };
    let mut lists = entries.into_iter().filter(|one| one.kind == Kind::List);
    let Some(list) = lists.find(|one| one.name == key) else {
        let verb = if is_append {
            "APPEND to"
        } else {
            "SUBTRACT from"
        };
        let message = format!("Can't {verb} key {key} because its type is not LIST.");
        return Err((ErrorCode::InvalidConfig, message));
    };
    let value = changed_list(list.value.as_deref().unwrap_or_default(), items, is_append);
    Ok(ConfigChange {
        key,
        value: Some(value),
    })
}
