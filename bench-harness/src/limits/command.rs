//! `naru-bench limits`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::ProgressBar;

use super::error::LimitsError;
use super::model::{Limits, measure};

/// Measure what this machine could do: disk, loopback, memory, checksum
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The directory whose disk is measured; files of 128 MiB are made in it and removed
    #[arg(long, default_value = ".")]
    pub dir: PathBuf,
    /// Write the limits to this file too, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Seconds for each of the 26 probes
    #[arg(long, value_name = "N", default_value = "2", value_parser = seconds)]
    pub seconds: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=600.0).contains(&seconds) => Ok(seconds),
        _ => Err("write a number of seconds from 0.01 to 600".into()),
    }
}

/// Measures, prints, and keeps the limits for the percentages of other commands.
///
/// # Errors
/// When a probe cannot run, or `--json` cannot be written.
pub fn execute(args: Args) -> Result<ExitCode, LimitsError> {
    // Shown on a terminal only.
    let bar = ProgressBar::new_spinner();
    bar.enable_steady_tick(Duration::from_millis(500));
    let limits = measure(&args.dir, args.seconds, &mut |probe| {
        bar.set_message(probe.to_owned());
    });
    bar.finish_and_clear();
    let limits = limits?;
    print!("{limits}");
    if let Some(path) = &args.json {
        write(&limits, path)?;
    }
    match limits.store() {
        Ok(file) => println!("\nkept in {} for the percentages of runs", file.display()),
        Err(error) => eprintln!("not kept for the percentages of runs: {error}"),
    }
    Ok(ExitCode::SUCCESS)
}

fn write(limits: &Limits, path: &Path) -> Result<(), LimitsError> {
    let text = serde_json::to_string_pretty(limits).map_err(std::io::Error::other);
    text.and_then(|text| fs::write(path, text + "\n"))
        .map_err(|source| LimitsError::Write {
            path: path.into(),
            source,
        })
}
