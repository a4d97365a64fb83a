//! `naru log sizes`: what each replica takes, by DescribeLogDirs.

use std::cmp::Reverse;

use clap::Args;
use serde::Serialize;

use super::dirs;
use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;
use crate::units::size;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SizesArgs {
    /// Only of these topics; without any, of all.
    #[arg(value_name = "TOPIC")]
    topics: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Sized {
    topic: String,
    partition: i32,
    broker: i32,
    size_bytes: i64,
    dir: String,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Sizes(Vec<Sized>);

pub fn run(session: &mut Session, args: &SizesArgs) -> Outcome {
    if !args.topics.is_empty() {
        session.topics_named(&args.topics)?;
    }
    let mut sizes = Vec::new();
    for (broker, dir) in dirs::ask(session)? {
        let is_meant = |name: &str| args.topics.is_empty() || args.topics.iter().any(|t| t == name);
        for topic in dir.topics.iter().filter(|topic| is_meant(&topic.name)) {
            sizes.extend(topic.partitions.iter().map(|partition| Sized {
                topic: topic.name.to_string(),
                partition: partition.partition_index,
                broker,
                size_bytes: partition.partition_size,
                dir: dir.log_dir.to_string(),
            }));
        }
    }
    sizes.sort_by_key(|of| {
        (
            Reverse(of.size_bytes),
            of.topic.clone(),
            of.partition,
            of.broker,
        )
    });
    session.print(&Sizes(sizes))
}

impl Report for Sizes {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "PARTITION", "BROKER", "SIZE", "DIRECTORY"]);
        for of in &self.0 {
            table.row(vec![
                of.topic.clone(),
                of.partition.to_string(),
                of.broker.to_string(),
                size(of.size_bytes),
                of.dir.clone(),
            ]);
        }
        table.to_string()
    }
}
