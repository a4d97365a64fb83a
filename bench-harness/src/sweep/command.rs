//! The command: a plan from files and flags, and the results in a directory.

use std::path::PathBuf;
use std::process::ExitCode;

use super::axis::Axis;
use super::drive::drive;
use super::error::SweepError;
use super::export::{results_csv, results_json};
use super::html::report;
use super::plan::PlanFile;
use super::setting::Setting;
use super::store::Store;
use super::summary::summaries;
use crate::load::{Progress, run, settle};
use crate::workload::{Span, WorkloadOptions};

/// Every combination of some values, several rounds in shuffled order, as a report
///
/// A run that fails is shown as failed, and the sweep goes on. Stopped, the same command goes on
/// where it was. `--seed` is also the seed of the order.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A broker: host:port
    #[arg(long, short, default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// A sweep (TOML): rounds, seed, [base] and [axes]; flags win over what it says
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A key of the workload and its values; may be repeated
    #[arg(long = "axis", value_name = "KEY=VALUE,...")]
    axes: Vec<Axis>,
    /// Before each run, everything is written to the disk that was not yet, and so long is waited
    #[arg(long, default_value = "0s")]
    settle: Span,
    /// How often each combination is run [default: 3]
    #[arg(long)]
    rounds: Option<u32>,
    /// Where report.html, results.csv and results.json go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Run nothing; make the report of what is in DIR
    #[arg(long)]
    report_only: bool,
    /// Where the broker keeps its data: whose disk to name, and whose limits, measured before by
    /// `naru-bench limits`, to hold the results against
    #[arg(long, value_name = "DIR", default_value = ".")]
    data_dir: PathBuf,
    #[command(flatten)]
    workload: WorkloadOptions,
}

/// Succeeds if in every run every record came back once, in order and whole, and no answer was an
/// error.
///
/// # Errors When the plan is not valid or not the one in the directory, the broker does not answer
/// any more, or a file cannot be written.
pub fn execute(args: Args) -> Result<ExitCode, SweepError> {
    let store = if args.report_only {
        Store::reopen(&args.out)?
    } else {
        swept(args)?
    };
    write_results(&store)?;
    let summaries = summaries(&store.plan, &store.runs);
    let mut runs = summaries.iter().flat_map(|summary| &summary.runs);
    let is_clean = runs.all(|run| run.is_clean());
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn swept(args: Args) -> Result<Store, SweepError> {
    let file = match &args.file {
        Some(path) => PlanFile::read(path)?,
        None => PlanFile::default(),
    };
    let plan = file.plan(&args.bootstrap, args.workload, args.axes, args.rounds)?;
    let mut store = Store::open(&args.out, plan, || {
        Ok(Setting::of(&args.bootstrap, &args.data_dir)?)
    })?;
    drive(&mut store, |title, workload| {
        settle(args.settle.0);
        run(&args.bootstrap, workload, &Progress::titled(title))
    })?;
    Ok(store)
}

fn write_results(store: &Store) -> Result<(), SweepError> {
    let (plan, setting, runs) = (&store.plan, &store.setting, &store.runs);
    let json = results_json(plan, setting, runs);
    let json = json.map_err(|error| SweepError::file("results.json".as_ref())(error.into()))?;
    for (name, text) in [
        ("report.html", report(plan, setting, runs)),
        ("results.csv", results_csv(plan, runs)),
        ("results.json", json),
    ] {
        println!("{}", store.put(name, &text)?.display());
    }
    Ok(())
}
