//! The `naru` binary: the broker, which runs until SIGTERM or Ctrl-C, and the commands beside it.

use std::process::ExitCode;

use clap::Parser;
use naru_broker::cli::{self, Cli, Command, StartArgs};
use naru_broker::config::{BrokerConfig, Machine};
use naru_broker::logging;
use naru_broker::server::Server;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};

fn main() -> ExitCode {
    match Cli::parse().into_command() {
        Command::Start(args) => start(&args),
        Command::Doctor(args) => cli::doctor(&args),
        Command::Verify(args) => cli::verify(&args),
        Command::Client(command) => naru_cli::run(&command),
        Command::Completions { shell } => {
            cli::completions(shell);
            ExitCode::SUCCESS
        }
    }
}

fn start(args: &StartArgs) -> ExitCode {
    logging::install();
    crash_as_a_whole();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("naru: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &StartArgs) -> Result<(), Box<dyn std::error::Error>> {
    let (config, warnings) = BrokerConfig::load(
        args.config.as_deref(),
        &args.settings()?,
        &Machine::detect(),
    )?;
    for warning in warnings {
        tracing::warn!("{}", warning.0);
    }
    // Threads inherit the mask: the signals wait for this thread to take them.
    let mut stop_signals = SigSet::empty();
    stop_signals.add(Signal::SIGTERM);
    stop_signals.add(Signal::SIGINT);
    stop_signals.thread_block()?;
    raise_open_files();

    let data_dir = config.data_dir.display().to_string();
    let shards = config.naru.shards;
    let server = Server::start(config)?;
    for address in server.addresses() {
        tracing::info!("listening on {address}, data in {data_dir}, {shards} shards");
    }
    if let Some(address) = server.admin_address() {
        tracing::info!("admin listener on http://{address}");
    }
    let signal = stop_signals.wait()?;
    tracing::info!("{signal}: stopping");
    server.stop();
    tracing::info!("stopped");
    Ok(())
}

/// A thread that fell would leave a broker that is half there: clients would wait for a
/// shard that never answers. What was acknowledged is safe either way.
fn crash_as_a_whole() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        report(info);
        std::process::abort();
    }));
}

/// Every connection and every segment that is written takes a file descriptor.
fn raise_open_files() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // What is not allowed is not needed yet; accept() says when it is.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
