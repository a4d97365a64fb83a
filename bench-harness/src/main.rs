//! The command line: each subcommand is a room of its own, with its `Args` and its `execute`.

use std::fmt::Display;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use naru_bench::{
    commits, compare, crowd, gate, interrupt, limits, run, study, sweep, transactions, which_limit,
};

/// Load, comparisons, studies and a regression gate for any broker that speaks Kafka's protocol
#[derive(Parser)]
#[command(name = "naru-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Commits(Box<commits::Args>),
    Compare(Box<compare::Args>),
    Crowd(Box<crowd::Args>),
    Gate(Box<gate::Args>),
    Limits(limits::Args),
    Run(Box<run::Args>),
    Sweep(Box<sweep::Args>),
    Study(study::Args),
    Transactions(Box<transactions::Args>),
    WhichLimit(which_limit::Args),
}

fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| {
        // Nobody may take a mistyped flag for a verdict.
        let is_help = !error.use_stderr();
        // Where standard error is closed, the exit code remains.
        let _ = error.print();
        std::process::exit(if is_help { 0 } else { i32::from(FAILED) })
    });
    // These two leave nothing behind when a signal ends them where they are.
    let is_short = matches!(cli.command, Command::Limits(_) | Command::WhichLimit(_));
    if !is_short && let Err(error) = interrupt::install() {
        eprintln!("naru-bench: signals cannot be taken: {error}");
        return ExitCode::from(FAILED);
    }
    match cli.command {
        Command::Commits(args) => finish(commits::execute(*args)),
        Command::Compare(args) => finish(compare::execute(*args)),
        Command::Crowd(args) => finish(crowd::execute(*args)),
        Command::Gate(args) => finish(gate::execute(*args)),
        Command::Limits(args) => finish(limits::execute(args)),
        Command::Run(args) => finish(run::execute(*args)),
        Command::Sweep(args) => finish(sweep::execute(*args)),
        Command::Study(args) => finish(study::execute(args)),
        Command::Transactions(args) => finish(transactions::execute(*args)),
        Command::WhichLimit(args) => finish(which_limit::execute(args)),
    }
}

/// 1 and 2 are verdicts of some commands: usage errors and what could not be measured end with
/// this, 2 being what clap would say.
const FAILED: u8 = 3;

fn finish<E: Display>(executed: Result<ExitCode, E>) -> ExitCode {
    executed.unwrap_or_else(|error| {
        eprintln!("naru-bench: {error}");
        ExitCode::from(FAILED)
    })
}
