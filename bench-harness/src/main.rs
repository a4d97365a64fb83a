//! The command line: each subcommand is a room of its own, with its `Args` and its `execute`.

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use naru_bench::{compare, gate, limits, run, study, sweep, which_limit};

/// Load, comparisons, studies and a regression gate for any broker that speaks Kafka's protocol
#[derive(Parser)]
#[command(name = "naru-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Compare(Box<compare::Args>),
    Gate(Box<gate::Args>),
    Limits(limits::Args),
    Run(Box<run::Args>),
    Sweep(Box<sweep::Args>),
    Study(study::Args),
    WhichLimit(which_limit::Args),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Compare(args) => finish(compare::execute(*args)),
        Command::Gate(args) => finish(gate::execute(*args)),
        Command::Limits(args) => finish(limits::execute(args)),
        Command::Run(args) => finish(run::execute(*args)),
        Command::Sweep(args) => finish(sweep::execute(*args)),
        Command::Study(args) => finish(study::execute(args)),
        Command::WhichLimit(args) => finish(which_limit::execute(args)),
    }
}

/// Errors end with 3: 1 and 2 are verdicts of some commands.
fn finish<E: Display>(executed: Result<ExitCode, E>) -> ExitCode {
    executed.unwrap_or_else(|error| {
        eprintln!("naru-bench: {error}");
        ExitCode::from(3)
    })
}
