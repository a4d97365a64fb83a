//! The words of `naru topic`.

use clap::Subcommand;

use super::{add_partitions, create, delete, delete_records, describe, list};
use crate::failure::Outcome;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TopicCommand {
    /// List topics.
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show partitions, leaders, offsets, sizes, and the configs that are not the default.
    Describe(describe::DescribeArgs),
    /// Create topics.
    Create(create::CreateArgs),
    /// Give a topic more partitions. Keys then go to other partitions than before.
    AddPartitions(add_partitions::AddPartitionsArgs),
    /// Delete records from the start of partitions.
    DeleteRecords(delete_records::DeleteRecordsArgs),
    /// Delete topics, with all their records.
    #[command(visible_alias = "rm")]
    Delete(delete::DeleteArgs),
}

/// Does what the words say.
pub fn run(session: &mut Session, command: &TopicCommand) -> Outcome {
    match command {
        TopicCommand::List(args) => list::run(session, args),
        TopicCommand::Describe(args) => describe::run(session, args),
        TopicCommand::Create(args) => create::run(session, args),
        TopicCommand::AddPartitions(args) => add_partitions::run(session, args),
        TopicCommand::DeleteRecords(args) => delete_records::run(session, args),
        TopicCommand::Delete(args) => delete::run(session, args),
    }
}
