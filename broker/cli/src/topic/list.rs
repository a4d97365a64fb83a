//! `naru topic list`: from one Metadata request.

use clap::Args;
use serde::Serialize;

use crate::failure::Outcome;
use crate::output::Report;
use crate::session::Session;
use crate::table::Table;

#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ListArgs {
    /// Those too that the cluster keeps for itself (`__consumer_offsets`).
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, Serialize)]
struct Listed {
    topic: String,
    topic_id: String,
    partitions: usize,
    replication_factor: usize,
    is_internal: bool,
}

#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Topics(Vec<Listed>);

pub fn run(session: &mut Session, args: &ListArgs) -> Outcome {
    let topics = session.all_topics()?.into_iter();
    let shown = topics.filter(|topic| args.all || !topic.is_internal);
    let listed = shown.map(|topic| Listed {
        topic: topic.name.as_deref().unwrap_or_default().to_owned(),
        topic_id: topic.topic_id.to_string(),
        partitions: topic.partitions.len(),
        replication_factor: topic
            .partitions
            .first()
            .map_or(0, |first| first.replica_nodes.len()),
        is_internal: topic.is_internal,
    });
    session.print(&Topics(listed.collect()))
}

impl Report for Topics {
    fn text(&self) -> String {
        let mut table = Table::new(&["TOPIC", "PARTITIONS", "REPLICAS"]);
        for topic in &self.0 {
            table.row(vec![
                topic.topic.clone(),
                topic.partitions.to_string(),
                topic.replication_factor.to_string(),
            ]);
        }
        table.to_string()
    }
}
