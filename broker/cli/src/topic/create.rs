//! `naru topic create`: CreateTopics, and the wait until every partition can be used.

use clap::Args;
use naru_client::KafkaError;
use naru_wire::api::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreateTopicsRequest,
};
use naru_wire::{ErrorCode, Str};
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::nearest::did_you_mean;
use crate::output::Report;
use crate::session::Session;
use crate::table::{Table, or_none};
use crate::topic_configs::TOPIC_CONFIGS;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct CreateArgs {
    /// The topics to make.
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// How many partitions; without it as many as the broker's num.partitions says.
    #[arg(short, long, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many brokers keep each record; without it the broker's default.replication.factor.
    #[arg(short, long, value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A config of the topic: retention.ms=86400000. May be repeated.
    #[arg(short, long = "config", value_name = "KEY=VALUE", value_parser = key_value)]
    configs: Vec<(String, String)>,
    /// Check everything, make nothing.
    #[arg(long)]
    validate_only: bool,
    /// A topic that is there already is no error.
    #[arg(long)]
    if_not_exists: bool,
}

/// `KEY=VALUE`; the value may have a `=`, too.
pub fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write KEY=VALUE".to_owned()),
    }
}

#[derive(Debug, Serialize)]
struct Created {
    topic: String,
    /// `created`, `valid` (with --validate-only), `exists` (with --if-not-exists).
    outcome: &'static str,
    partitions: Option<i32>,
    replication_factor: Option<i16>,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllCreated(Vec<Created>);

pub fn run(session: &mut Session, args: &CreateArgs) -> Outcome {
    let configs = args
        .configs
        .iter()
        .map(|(name, value)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        });
    let configs: Vec<_> = configs.collect();
    let topics = args.topics.iter().map(|name| CreatableTopic {
        name: name.into(),
        num_partitions: args.partitions.unwrap_or(-1),
        replication_factor: args.replication_factor.unwrap_or(-1),
        configs: configs.clone(),
        ..Default::default()
    });
    let request = CreateTopicsRequest {
        topics: topics.collect(),
        timeout_ms: session.timeout_ms(),
        validate_only: args.validate_only,
    };
    let response = session.cluster.call_controller(&request)?;
    let mut created = Vec::new();
    let mut failure = None;
    for topic in &response.topics {
        match of(topic, args) {
            Ok(made) => created.push(made),
            Err(error) => failure = Some(failure.unwrap_or(error)),
        }
    }
    // Kafka answers in an order of its own.
    created.sort_by_key(|created| args.topics.iter().position(|t| *t == created.topic));
    let made = created.iter().filter(|topic| topic.outcome == "created");
    let names: Vec<Str> = made.map(|topic| Str::from(&topic.topic)).collect();
    wait_for_leaders(session, &names)?;
    // What was made is made, whatever became of the others.
    if !created.is_empty() {
        session.print(&AllCreated(created))?;
    }
    failure.map_or(Ok(()), Err)
}

fn of(topic: &CreatableTopicResult, args: &CreateArgs) -> Result<Created, Failure> {
    let outcome = match topic.error_code {
        ErrorCode::None if args.validate_only => "valid",
        ErrorCode::None => "created",
        ErrorCode::TopicAlreadyExists if args.if_not_exists => "exists",
        code => return Err(refusal(topic, code, args)),
    };
    let given = |number: i32| (number > 0).then_some(number);
    Ok(Created {
        topic: topic.name.to_string(),
        outcome,
        partitions: given(topic.num_partitions),
        replication_factor: (topic.replication_factor > 0).then_some(topic.replication_factor),
    })
}

fn refusal(topic: &CreatableTopicResult, code: ErrorCode, args: &CreateArgs) -> Failure {
    let failure = Failure::from(KafkaError::Refused {
        what: format!("create topic {}", topic.name),
        code,
        message: topic.error_message.as_ref().map(ToString::to_string),
    });
    let mut names = args.configs.iter().map(|(name, _)| name.as_str());
    let unknown = names.find(|name| !TOPIC_CONFIGS.contains(name));
    match (code, unknown) {
        (ErrorCode::InvalidConfig, Some(name)) => {
            match did_you_mean(name, TOPIC_CONFIGS.iter().copied()) {
                Some(hint) => failure.advise(hint),
                None => failure.advise(format!("topics have no config {name}")),
            }
        }
        _ => failure,
    }
}

/// A topic that was just made is not known everywhere yet.
fn wait_for_leaders(session: &mut Session, names: &[Str]) -> Outcome {
    if names.is_empty() {
        return Ok(());
    }
    session.cluster.until_it_passes(|cluster| {
        cluster.topics(names).map_err(|error| match error {
            KafkaError::Refused {
                code: ErrorCode::UnknownTopicOrPartition,
                what,
                message,
            } => KafkaError::Refused {
                code: ErrorCode::LeaderNotAvailable,
                what,
                message,
            },
            other => other,
        })
    })?;
    Ok(())
}

impl Report for AllCreated {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "OUTCOME", "PARTITIONS", "REPLICAS"]);
        for topic in &self.0 {
            table.row(vec![
                topic.topic.clone(),
                topic.outcome.to_owned(),
                or_none(topic.partitions),
                or_none(topic.replication_factor),
            ]);
        }
        table.to_string()
    }
}
