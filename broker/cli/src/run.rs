//! From the words to what they do, and to the exit code.

use std::process::ExitCode;

use crate::args::{ClientCommand, Shared};
use crate::failure::{Failure, Outcome};
use crate::session::Session;
use crate::topic;

/// Of a command that was not meant like this, as clap has it.
const USAGE: u8 = 2;

/// Does what the words say.
pub fn run(command: &ClientCommand) -> ExitCode {
    let outcome = match command {
        ClientCommand::Topic { shared, command } => with(shared, |s| topic::run(s, command)),
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
