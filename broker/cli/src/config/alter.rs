//! `naru config set` and `unset`: IncrementalAlterConfigs (KIP-339), after a look whether there are
//! such configs at all.

use clap::Args;
use naru_client::KafkaError;
use naru_wire::Str;
use naru_wire::api::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use serde::Serialize;

use super::describe::describe;
use super::get::no_such_config;
use super::resource::{Resource, ResourceKind};
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;

/// `AlterConfigOp.OpType`
const SET: i8 = 0;
const DELETE: i8 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SetArgs {
    #[command(flatten)]
    resource: Resource,
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = crate::topic::key_value)]
    configs: Vec<(String, String)>,
    /// Check everything, change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct UnsetArgs {
    #[command(flatten)]
    resource: Resource,
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    /// Check everything, change nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Altered {
    resource_type: String,
    resource_name: String,
    changes: Vec<Change>,
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Change {
    name: String,
    value_before: Option<String>,
    /// `None` where it is taken back.
    value: Option<String>,
}

pub fn set(session: &mut Session, args: &SetArgs) -> Outcome {
    let changes = args.configs.iter();
    let changes = changes.map(|(name, value)| (name.clone(), Some(value.clone())));
    alter(session, &args.resource, changes.collect(), args.dry_run)
}

pub fn unset(session: &mut Session, args: &UnsetArgs) -> Outcome {
    let changes = args.keys.iter().map(|name| (name.clone(), None));
    alter(session, &args.resource, changes.collect(), args.dry_run)
}

fn alter(
    session: &mut Session,
    resource: &Resource,
    changes: Vec<(String, Option<String>)>,
    dry_run: bool,
) -> Outcome {
    let changes = checked(session, resource, changes)?;
    let configs = changes.iter().map(|change| AlterableConfig {
        name: Str::from(&change.name),
        config_operation: if change.value.is_some() { SET } else { DELETE },
        value: change.value.as_ref().map(Str::from),
    });
    let request = IncrementalAlterConfigsRequest {
        resources: vec![AlterConfigsResource {
            resource_type: resource.kind as i8,
            resource_name: resource.wire_name().into(),
            configs: configs.collect(),
        }],
        validate_only: dry_run,
    };
    for answer in resource.ask(&mut session.cluster, &request)?.responses {
        let what = || format!("change the configs of {resource}");
        KafkaError::check(answer.error_code, what, answer.error_message.as_ref())?;
    }
    session.print(&Altered {
        resource_type: resource.kind.to_string(),
        resource_name: resource.wire_name().to_owned(),
        changes,
        dry_run,
    })
}

/// Refuses names that the resource does not have: Kafka takes any name for a broker.
fn checked(
    session: &mut Session,
    resource: &Resource,
    changes: Vec<(String, Option<String>)>,
) -> Result<Vec<Change>, Failure> {
    if resource.kind == ResourceKind::Topic {
        session.topics_named(std::slice::from_ref(&resource.name))?;
    }
    let now = describe(&mut session.cluster, resource, None, false)?;
    let mut known: Vec<String> = now.iter().map(|config| config.name.clone()).collect();
    // All brokers together show only what is set; one of them shows all that there is.
    if resource.is_of_all_brokers() {
        for broker in session.cluster.brokers()?.into_iter().take(1) {
            let one = Resource {
                kind: ResourceKind::Broker,
                name: broker.node_id.to_string(),
            };
            let of_one = describe(&mut session.cluster, &one, None, false)?;
            known.extend(of_one.into_iter().map(|config| config.name));
        }
    }
    let changes = changes.into_iter().map(|(name, value)| {
        if !known.is_empty() && !known.contains(&name) {
            return Err(no_such_config(
                resource,
                &name,
                known.iter().map(String::as_str),
            ));
        }
        let before = now.iter().find(|config| config.name == name);
        Ok(Change {
            value_before: before.and_then(|config| config.value.clone()),
            name,
            value,
        })
    });
    changes.collect()
}

impl Report for Altered {
    fn text(&self) -> String {
        let none = || "(none)".to_owned();
        let mut text = String::new();
        for change in &self.changes {
            let before = change.value_before.clone().unwrap_or_else(none);
            let after = change
                .value
                .clone()
                .unwrap_or_else(|| "the default".to_owned());
            text.push_str(&format!("{}: {before} -> {after}\n", change.name));
        }
        if self.dry_run {
            text.push_str("only checked: nothing was changed\n");
        }
        text
    }
}
