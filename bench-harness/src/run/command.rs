//! The command: workload from files and flags, result as text and JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::limits::Limits;
use crate::load::{LoadError, Options, Progress, run_with};
use crate::outcome::Outcome;
use crate::workload::{Workload, WorkloadError, WorkloadOptions};

use super::text::{describe, describe_bounds};

/// One workload against one broker
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A broker: host:port
    #[arg(long, short, default_value = "127.0.0.1:9092")]
    bootstrap: String,
    /// A workload (TOML); flags win over what it says
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write the result there, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Use this topic, which exists, and leave it; may be repeated
    #[arg(long = "topic", value_name = "NAME")]
    topic_names: Vec<String>,
    /// Leave the topics that the run makes
    #[arg(long)]
    keep_topics: bool,
    /// Where the broker keeps its data: whose limits, measured before by `naru-bench limits`, to
    /// hold the result against
    #[arg(long, value_name = "DIR", default_value = ".")]
    data_dir: PathBuf,
    #[command(flatten)]
    workload: WorkloadOptions,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("{path}: {source}")]
    Write {
        path: String,
        source: std::io::Error,
    },
}

/// Succeeds if every record came back once, in order and whole, and no answer was an error.
pub fn execute(args: Args) -> Result<ExitCode, RunError> {
    let base = match &args.file {
        Some(file) => WorkloadOptions::read(file)?,
        None => WorkloadOptions::default(),
    };
    let workload: Workload = args.workload.over(base).resolve()?;
    let options = Options {
        topics: (!args.topic_names.is_empty()).then_some(args.topic_names),
        keep_topics: args.keep_topics,
    };
    let progress = Progress::titled(&args.bootstrap);
    let outcome = run_with(&args.bootstrap, &workload, &options, &progress)?;
    drop(progress);
    print!("{}", describe(&outcome));
    print!(
        "{}",
        describe_bounds(Limits::cached(&args.data_dir).as_ref(), &outcome)
    );
    if let Some(path) = &args.json {
        write_json(path, &outcome).map_err(|source| RunError::Write {
            path: path.display().to_string(),
            source,
        })?;
    }
    Ok(if outcome.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write_json(path: &std::path::Path, outcome: &Outcome) -> std::io::Result<()> {
    let mut text = serde_json::to_string_pretty(outcome)?;
    text.push('\n');
    std::fs::write(path, text)
}
