//! `naru topic delete`: DeleteTopics, after a question.

use clap::Args;
use naru_client::KafkaError;
use naru_wire::ErrorCode;
use naru_wire::api::delete_topics::{DeleteTopicState, DeleteTopicsRequest};
use serde::Serialize;

use crate::ask::confirm;
use crate::failure::{Failure, Outcome};
use crate::output::Report;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct DeleteArgs {
    /// The topics to delete.
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
    /// A topic that is not there is no error.
    #[arg(long)]
    if_exists: bool,
}

#[derive(Debug, Serialize)]
struct Deleted {
    topic: String,
    /// `deleted`, or `absent` (with --if-exists).
    outcome: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct AllDeleted(Vec<Deleted>);

pub fn run(session: &mut Session, args: &DeleteArgs) -> Outcome {
    // A slip in a name is to be seen before anything is deleted.
    if !args.if_exists {
        session.topics_named(&args.topics)?;
    }
    let what = match args.topics.as_slice() {
        [one] => format!("delete topic {one}"),
        several => format!("delete {} topics ({})", several.len(), several.join(", ")),
    };
    confirm(&what, args.yes)?;
    let topics = args.topics.iter().map(|name| DeleteTopicState {
        name: Some(name.into()),
        ..Default::default()
    });
    let request = DeleteTopicsRequest {
        topics: topics.collect(),
        topic_names: args.topics.iter().map(Into::into).collect(),
        timeout_ms: session.timeout_ms(),
    };
    let mut deleted = Vec::new();
    let mut failure = None;
    for answer in session.cluster.call_controller(&request)?.responses {
        let topic = answer.name.as_deref().unwrap_or_default().to_owned();
        let outcome = match answer.error_code {
            ErrorCode::None => "deleted",
            ErrorCode::UnknownTopicOrPartition if args.if_exists => "absent",
            code => {
                let what = || format!("delete topic {topic}");
                let refused = KafkaError::check(code, what, answer.error_message.as_ref());
                failure = failure.or(refused.err().map(Failure::from));
                continue;
            }
        };
        deleted.push(Deleted { topic, outcome });
    }
    // Kafka answers in an order of its own.
    deleted.sort_by_key(|deleted: &Deleted| args.topics.iter().position(|t| *t == deleted.topic));
    if !deleted.is_empty() {
        session.print(&AllDeleted(deleted))?;
    }
    failure.map_or(Ok(()), Err)
}

impl Report for AllDeleted {
    fn text(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|Deleted { topic, outcome }| format!("{topic}: {outcome}\n"))
            .collect()
    }
}
