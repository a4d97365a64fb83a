//! The words of `naru group`.

use clap::Subcommand;

use super::{delete, delete_offsets, describe, list, reset_offsets};
use crate::failure::Outcome;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum GroupCommand {
    /// List groups.
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show state, members with what they read, committed offsets and lag.
    Describe(describe::DescribeArgs),
    /// Move a group that has no members to other offsets. Shows what would be; --execute does it.
    ResetOffsets(reset_offsets::ResetArgs),
    /// Forget what a group has committed of topics that none of its members reads.
    DeleteOffsets(delete_offsets::DeleteOffsetsArgs),
    /// Delete groups that have no members, with their offsets.
    #[command(visible_alias = "rm")]
    Delete(delete::DeleteArgs),
}

/// Does what the words say.
pub fn run(session: &mut Session, command: &GroupCommand) -> Outcome {
    match command {
        GroupCommand::List(args) => list::run(session, args),
        GroupCommand::Describe(args) => describe::run(session, args),
        GroupCommand::ResetOffsets(args) => reset_offsets::run(session, args),
        GroupCommand::DeleteOffsets(args) => delete_offsets::run(session, args),
        GroupCommand::Delete(args) => delete::run(session, args),
    }
}
