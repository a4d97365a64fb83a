//! The words of `naru transaction`.

use clap::Subcommand;

use super::{abort, describe, find_hanging, list};
use crate::failure::Outcome;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum TransactionCommand {
    /// List transactional ids and what they are at.
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show the transaction of an id: since when it is open, and in which partitions.
    Describe(describe::DescribeArgs),
    /// Look for transactions that partitions have open and no coordinator knows: they hold up all
    /// who read committed records.
    FindHanging(find_hanging::FindArgs),
    /// Abort a transaction in one partition. Only for those that hang.
    Abort(abort::AbortArgs),
}

/// Does what the words say.
pub fn run(session: &mut Session, command: &TransactionCommand) -> Outcome {
    match command {
        TransactionCommand::List(args) => list::run(session, args),
        TransactionCommand::Describe(args) => describe::run(session, args),
        TransactionCommand::FindHanging(args) => find_hanging::run(session, args),
        TransactionCommand::Abort(args) => abort::run(session, args),
    }
}
