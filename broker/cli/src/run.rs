//! From the words to what they do, and to the exit code.

use std::process::ExitCode;

use crate::args::{ClientCommand, Shared};
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::{config, consume, group, lag, log, produce, topic, transaction};

/// Of a command that was not meant like this, as clap has it.
const USAGE: u8 = 2;

/// Does what the words say.
pub fn run(command: &ClientCommand) -> ExitCode {
    let outcome = match command {
        ClientCommand::Topic { shared, command } => with(shared, |s| topic::run(s, command)),
        ClientCommand::Group { shared, command } => with(shared, |s| group::run(s, command)),
        ClientCommand::Lag { shared, args } => with(shared, |s| lag::run(s, args)),
        ClientCommand::Log { shared, command } => log::run(shared, command),
        ClientCommand::Transaction { shared, command } => {
            with(shared, |s| transaction::run(s, command))
        }
        ClientCommand::Config { shared, command } => with(shared, |s| config::run(s, command)),
        ClientCommand::Produce { shared, args } => with(shared, |s| produce::run(s, args)),
        ClientCommand::Consume { shared, args } => with(shared, |s| consume::run(s, args)),
    };
    match outcome {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(Failure::Failed { what, advice }) => {
            eprintln!("naru: {what}");
            if let Some(advice) = advice {
                eprintln!("      {advice}");
            }
            ExitCode::FAILURE
        }
        Err(Failure::Usage(what)) => {
            eprintln!("naru: {what}");
            ExitCode::from(USAGE)
        }
    }
}

fn with(shared: &Shared, command: impl FnOnce(&mut Session) -> Outcome) -> Outcome {
    command(&mut Session::open(shared)?)
}
