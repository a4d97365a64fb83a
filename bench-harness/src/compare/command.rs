//! The command: which brokers, which workloads, and the result as text and JSON.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use super::rounds::{Comparison, FigureComparison, Side};
use super::table::{notes, table};
use crate::brokers::{BrokerError, BrokerUnderTest, Place, PlaceError, RunningBroker};
use crate::load::{LoadError, Progress, run, settle};
use crate::measure::Environment;
use crate::outcome::Outcome;
use crate::workload::{Span, Workload, WorkloadError, WorkloadOptions};

/// The chance that an interval misses the truth.
const ALPHA: f64 = 0.05;

/// Two brokers in turn, and what the ratio of their figures shows
///
/// In each round every workload runs on both, the workloads in a shuffled order. A broker that was
/// started by a command is stopped (SIGSTOP) while the other one is measured.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A broker: host:port
    #[arg(
        long,
        required_unless_present = "a_command",
        conflicts_with = "a_command"
    )]
    a: Option<String>,
    /// The other one
    #[arg(
        long,
        required_unless_present = "b_command",
        conflicts_with = "b_command"
    )]
    b: Option<String>,
    /// A command that starts a broker on 127.0.0.1:{port} with its data in {data}
    #[arg(long, value_name = "COMMAND")]
    a_command: Option<String>,
    /// The same for the other one
    #[arg(long, value_name = "COMMAND")]
    b_command: Option<String>,
    #[arg(long, default_value = "a")]
    a_name: String,
    #[arg(long, default_value = "b")]
    b_name: String,
    /// A workload (TOML); may be repeated. Flags win over what it says
    #[arg(long = "file", short, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Rounds that count; one before them warms up
    #[arg(long, default_value_t = 6)]
    rounds: usize,
    /// No round begins that would end later than so long after the first, going by those before it
    #[arg(long)]
    time_max: Option<Span>,
    /// Before each run, everything is written to the disk that was not yet, and so long is waited:
    /// what one broker has left behind is not to slow the next
    #[arg(long, default_value = "1s")]
    settle: Span,
    #[command(flatten)]
    place: Place,
    /// Write all runs and ratios there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    workload: WorkloadOptions,
}

#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("{path}: {source}")]
    Write {
        path: String,
        source: std::io::Error,
    },
}

/// What is written as JSON.
#[derive(Serialize)]
struct Report<'a> {
    environment: Environment,
    a: &'a str,
    b: &'a str,
    workloads: Vec<Compared>,
}

#[derive(Serialize)]
struct Compared {
    figures: Vec<FigureComparison>,
    runs: Comparison,
}

fn under_test(bootstrap: Option<&String>, command: Option<&String>) -> BrokerUnderTest {
    match (bootstrap, command) {
        (_, Some(command)) => BrokerUnderTest::Command(command.clone()),
        (bootstrap, None) => BrokerUnderTest::Bootstrap(bootstrap.cloned().unwrap_or_default()),
    }
}

/// Succeeds unless a run lost, doubled, reordered or damaged records, or had errors.
pub fn execute(args: Args) -> Result<ExitCode, CompareError> {
    let workloads = workloads(&args)?;
    let place = args.place.dir()?;
    let a = under_test(args.a.as_ref(), args.a_command.as_ref()).start(&place)?;
    let b = under_test(args.b.as_ref(), args.b_command.as_ref()).start(&place)?;
    if !(a.can_pause() && b.can_pause()) {
        println!(
            "a broker that was there already runs all the time, also while the other is measured"
        );
    }
    let all = compare(&args, &workloads, (&a, &b))?;
    let mut compared = Vec::new();
    let mut is_clean = true;
    let names = (args.a_name.as_str(), args.b_name.as_str());
    for runs in all {
        let figures = runs.figures(ALPHA, 0.0);
        println!("{}, {} rounds", runs.workload, runs.a.len());
        print!("{}{}", table(names, &figures), notes(names, &runs));
        for fault in runs.faults() {
            is_clean = false;
            println!("not clean: {fault}");
        }
        println!();
        compared.push(Compared { figures, runs });
    }
    if let Some(path) = &args.json {
        let report = Report {
            environment: Environment::of(std::path::Path::new(".")),
            a: &args.a_name,
            b: &args.b_name,
            workloads: compared,
        };
        let written = serde_json::to_string_pretty(&report).map_err(std::io::Error::from);
        written
            .and_then(|text| std::fs::write(path, text))
            .map_err(|source| CompareError::Write {
                path: path.display().to_string(),
                source,
            })?;
    }
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn workloads(args: &Args) -> Result<Vec<(String, Workload)>, CompareError> {
    if args.files.is_empty() {
        let workload = args.workload.clone().resolve()?;
        return Ok(vec![("workload of the flags".to_owned(), workload)]);
    }
    let read = |path: &PathBuf| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let options = args.workload.clone().over(WorkloadOptions::read(path)?);
        Ok((name, options.resolve()?))
    };
    args.files.iter().map(read).collect()
}

fn compare(
    args: &Args,
    workloads: &[(String, Workload)],
    (a, b): (&RunningBroker, &RunningBroker),
) -> Result<Vec<Comparison>, CompareError> {
    // So that a drift within a round, or what one workload leaves to the next, does not always
    // meet the same ones.
    let mut random = fastrand::Rng::with_seed(args.workload.seed.unwrap_or(1));
    let mut all: Vec<Comparison> = workloads
        .iter()
        .map(|(name, _)| Comparison {
            workload: name.clone(),
            ..Comparison::default()
        })
        .collect();
    let begun = Instant::now();
    for round in 0..=args.rounds {
        let so_far = begun.elapsed();
        let each = so_far / u32::try_from(round.max(1)).unwrap_or(u32::MAX);
        // The first counts for nothing, so one more is run in any case.
        if round > 1 && args.time_max.is_some_and(|Span(most)| so_far + each > most) {
            println!("no time for more than {} rounds (--time-max)", round - 1);
            break;
        }
        let mut order: Vec<usize> = (0..all.len()).collect();
        random.shuffle(&mut order);
        for index in order {
            let (name, workload) = &workloads[index];
            all[index].add_round(round, &mut |side, round| {
                let (broker, other, broker_name) = match side {
                    Side::A => (a, b, &args.a_name),
                    Side::B => (b, a, &args.b_name),
                };
                let what = match round {
                    0 => "warm-up".to_owned(),
                    round => format!("{round}/{}", args.rounds),
                };
                let progress = Progress::titled(format!("{name} {what} {broker_name}"));
                alone(broker, other, args.settle, workload, &progress)
            })?;
        }
    }
    Ok(all)
}

/// A run on `broker` while `other` does nothing, if it can be made to.
fn alone(
    broker: &RunningBroker,
    other: &RunningBroker,
    Span(pause): Span,
    workload: &Workload,
    progress: &Progress,
) -> Result<Outcome, CompareError> {
    other.pause();
    broker.resume();
    settle(pause);
    Ok(run(broker.bootstrap(), workload, progress)?)
}
