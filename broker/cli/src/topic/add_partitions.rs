//! `naru topic add-partitions`: CreatePartitions.

use clap::Args;
use naru_client::KafkaError;
use naru_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct AddPartitionsArgs {
    /// The topic.
    topic: String,
    #[command(flatten)]
    count: Count,
    /// Check everything, change nothing.
    #[arg(long)]
    validate_only: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[group(required = true, multiple = false)]
struct Count {
    /// How many partitions there shall be in all.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    to: Option<i32>,
    /// How many more there shall be.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..))]
    by: Option<i32>,
}

#[derive(Debug, Serialize)]
struct Grown {
    topic: String,
    partitions_before: i32,
    partitions: i32,
    validate_only: bool,
}

pub fn run(session: &mut Session, args: &AddPartitionsArgs) -> Outcome {
    let topics = session.topics_named(std::slice::from_ref(&args.topic))?;
    let before = topics.first().map_or(0, |topic| topic.partitions.len());
    let before = i32::try_from(before).unwrap_or(i32::MAX);
    let more = args.count.by.unwrap_or_default();
    let partitions = args.count.to.unwrap_or_else(|| before.saturating_add(more));
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: (&args.topic).into(),
            count: partitions,
            assignments: None,
        }],
        timeout_ms: session.timeout_ms(),
        validate_only: args.validate_only,
    };
    for answer in session.cluster.call_controller(&request)?.results {
        let what = || format!("give topic {} {partitions} partitions", args.topic);
        KafkaError::check(answer.error_code, what, answer.error_message.as_ref())?;
    }
    session.print(&Grown {
        topic: args.topic.clone(),
        partitions_before: before,
        partitions,
        validate_only: args.validate_only,
    })
}

impl Report for Grown {
    fn text(&self) -> String {
        let (topic, before, after) = (&self.topic, self.partitions_before, self.partitions);
        match self.validate_only {
            true => format!("{topic} could have {after} partitions; it has {before}\n"),
            false => format!("{topic} has {after} partitions; it had {before}\n"),
        }
    }
}
