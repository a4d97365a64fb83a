//! The words of `naru log`.

use clap::Subcommand;

use super::{dirs, dump, offsets, sizes};
use crate::args::Shared;
use crate::failure::Outcome;
use crate::session::Session;

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum LogCommand {
    /// Show the log directories of all brokers: their size, what is free, what the logs take.
    Dirs,
    /// Show what partitions take, the largest first.
    Sizes(sizes::SizesArgs),
    /// Show which offset is where in time.
    Offsets(offsets::OffsetsArgs),
    /// Print what is in segment files, as they lie in a directory; no broker is asked.
    Dump(dump::DumpArgs),
}

/// Does what the words say.
pub fn run(shared: &Shared, command: &LogCommand) -> Outcome {
    match command {
        LogCommand::Dirs => dirs::run(&mut Session::open(shared)?),
        LogCommand::Sizes(args) => sizes::run(&mut Session::open(shared)?, args),
        LogCommand::Offsets(args) => offsets::run(&mut Session::open(shared)?, args),
        LogCommand::Dump(args) => dump::run(args, shared.json),
    }
}
