//! `naru config get`.

use clap::Args;
use serde::Serialize;

use super::describe::{Config, describe};
use super::resource::{Resource, ResourceKind};
use super::source::ConfigSource;
use crate::failure::{Failure, Outcome};
use crate::nearest::did_you_mean;
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct GetArgs {
    #[command(flatten)]
    resource: Resource,
    /// Only these configs.
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// Those that are the default, too.
    #[arg(short, long, conflicts_with = "keys")]
    all: bool,
    /// What each of them is for, in the broker's words, and where else its value could come from.
    #[arg(long)]
    docs: bool,
}

#[derive(Debug, Serialize)]
struct Configs {
    resource_type: String,
    resource_name: String,
    configs: Vec<Config>,
    #[serde(skip)]
    with_docs: bool,
}

pub fn run(session: &mut Session, args: &GetArgs) -> Outcome {
    let resource = &args.resource;
    if resource.kind == ResourceKind::Topic {
        session.topics_named(std::slice::from_ref(&resource.name))?;
    }
    let mut configs = describe(&mut session.cluster, resource, None, args.docs)?;
    if let Some(unknown) = args
        .keys
        .iter()
        .find(|key| !configs.iter().any(|c| c.name == **key))
    {
        return Err(no_such_config(
            resource,
            unknown,
            configs.iter().map(|c| c.name.as_str()),
        ));
    }
    configs.retain(|config| match args.keys.as_slice() {
        [] => args.all || config.source != ConfigSource::Default,
        keys => keys.contains(&config.name),
    });
    session.print(&Configs {
        resource_type: resource.kind.to_string(),
        resource_name: resource.wire_name().to_owned(),
        configs,
        with_docs: args.docs,
    })
}

/// What to say of a config that the resource does not have.
pub(super) fn no_such_config<'a>(
    resource: &Resource,
    key: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Failure {
    let failure = Failure::new(format!("{resource} has no config {key}"));
    match did_you_mean(key, known) {
        Some(hint) => failure.advise(hint),
        None => {
            let Resource { kind, name } = resource;
            failure.advise(format!(
                "`naru config get {kind} {name} --all` shows those that it has"
            ))
        }
    }
}

impl Report for Configs {
    fn text(&self) -> String {
        if self.with_docs {
            return self.configs.iter().map(with_docs).collect();
        }
        let mut table = Table::new(&["CONFIG", "VALUE", "SET AS"]);
        for config in &self.configs {
            table.row(vec![
                config.name.clone(),
                config.shown(),
                config.source.to_string(),
            ]);
        }
        table.to_string()
    }
}

fn with_docs(config: &Config) -> String {
    let read_only = if config.is_read_only {
        ", read-only"
    } else {
        ""
    };
    let mut text = format!(
        "{} = {} ({}, set as {}{read_only})\n",
        config.name,
        config.shown(),
        config.kind,
        config.source,
    );
    for synonym in &config.synonyms {
        let value = synonym.value.as_deref().unwrap_or("(none)");
        text.push_str(&format!(
            "    {}: {} = {value}\n",
            synonym.source, synonym.name
        ));
    }
    if let Some(documentation) = &config.documentation {
        text.push_str(&format!("    {documentation}\n"));
    }
    text
}
