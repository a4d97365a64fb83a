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
use crate::load::{Progress, run};
use crate::workload::WorkloadOptions;

/// Every combination of some values, several rounds in shuffled order, as a report
///
/// Stopped, the same command goes on where it was. `--seed` is also the seed of the order.
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
/// # Errors When the plan is not valid or not the one in the directory, a run fails, or a file
/// cannot be written.
pub fn execute(args: Args) -> Result<ExitCode, SweepError> {
    let store = if args.report_only {
        Store::reopen(&args.out)?
    } else {
        swept(args)?
    };
    write_results(&store)?;
    let is_clean = store.runs.iter().all(|run| run.outcome.is_clean());
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
