//! The command: both sides made ready, instructions counted, rounds run, one answer.
//!
//! Nothing is measured while something is built or counted: the rounds have the machine to
//! themselves, as far as the gate goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use super::baseline::{Baseline, BaselineError};
use super::decision::{Decision, Rules, Verdict, decide};
use super::instructions::{Counts, count};
use super::rounds::{Fault, Rounds, workloads};
use super::subject::{Subject, SubjectError};
use super::text;
use crate::brokers::{BrokerError, LocalBroker};
use crate::compare::Side;
use crate::load::{LoadError, Progress, run};
use crate::measure::Environment;
use crate::outcome::Outcome;
use crate::workload::{Workload, WorkloadError};

/// Whether a head is slower than its base: ends with 0 if no regression was shown, 1 for a
/// regression, 2 if it is too noisy to tell, 3 if it could not be measured
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A revision of this repository, which is built, or a built `naru`
    #[arg(
        long,
        value_name = "REVISION|BINARY",
        required_unless_present = "against"
    )]
    base: Option<String>,
    /// The same, for what may have become slower
    #[arg(long, value_name = "REVISION|BINARY")]
    head: String,
    /// What is tolerated of every figure: 5% or 0.05. Twice as much is what the gate promises to
    /// see
    #[arg(long, default_value = "5%", value_parser = share)]
    tolerance: f64,
    /// What is tolerated of an instruction count
    #[arg(long, default_value = "3%", value_parser = share)]
    instructions_tolerance: f64,
    /// The chance of a false alarm, over all figures and looks together
    #[arg(long, default_value = "1%", value_parser = share)]
    false_alarms: f64,
    /// Rounds at most; the gate looks after two fifths, two thirds and all of them, and stops as
    /// soon as it knows
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(16..=60))]
    rounds_max: u16,
    /// A workload (TOML) instead of the gate's own; may be repeated
    #[arg(long = "file", short, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The base's build of the instruction benchmark, for a ready binary
    #[arg(long, value_name = "BINARY")]
    base_instructions: Option<PathBuf>,
    /// The head's
    #[arg(long, value_name = "BINARY")]
    head_instructions: Option<PathBuf>,
    /// Iterations below callgrind; each function runs with so many and with twice as many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    iterations: u64,
    /// Keep what was measured as a baseline (perf/baselines/NAME.json)
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// Hold the head against a stored baseline, too; without --base, only against that
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum GateError {
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    #[error(transparent)]
    Subject(#[from] SubjectError),
    #[error(transparent)]
    Baseline(#[from] BaselineError),
    #[error("{side}: {source}")]
    Broker { side: String, source: BrokerError },
    #[error("{side}, {workload}: {source}")]
    Load {
        side: String,
        workload: String,
        source: LoadError,
    },
    #[error("the base cannot be measured against: {0}")]
    Base(String),
}

/// `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (number, unit) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |text| (text, 0.01));
    let number: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("`{text}` is no share: write 5% or 0.05"))?;
    let share = number * unit;
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(format!("`{text}` is not between 0 and 100%"))
    }
}

/// The verdict becomes the exit code: 0, 1, 2.
pub fn execute(args: Args) -> Result<ExitCode, GateError> {
    let stored = args.against.as_deref().map(Baseline::read).transpose()?;
    let workloads = workloads(&args.files)?;
    let base = args
        .base
        .as_deref()
        .map(|name| Subject::prepare(name, "base", args.base_instructions.as_deref()));
    let base = base.transpose()?;
    let head = Subject::prepare(&args.head, "head", args.head_instructions.as_deref())?;

    let (instructions, mut has_regressed) = count_instructions(&args, base.as_ref(), &head);
    let mut now = Baseline {
        environment: Environment::of(Path::new(".")),
        toolchain: toolchain(),
        base_commit: base.as_ref().and_then(|base| base.commit.clone()),
        head_commit: head.commit.clone(),
        verdict: None,
        rounds: 0,
        workloads: workloads.iter().cloned().collect::<BTreeMap<_, _>>(),
        figures: Vec::new(),
        instructions,
    };
    let mut verdict = Verdict::NoRegressionShown;
    if let Some(base) = &base {
        match measure(&args, workloads, base, &head)? {
            Measured::Unclean(fault) => {
                println!("regression: a run of the head was not clean: {fault}");
                return Ok(exit(Verdict::Regression));
            }
            Measured::Decided(decision) => {
                print!(
                    "{}{}",
                    text::figures(&decision),
                    text::regressions(&decision)
                );
                verdict = decision.verdict;
                now.verdict = Some(decision.verdict);
                now.rounds = decision.rounds;
                now.figures = decision.figures;
            }
        }
    }
    if let Some(stored) = &stored {
        let against = stored.against(&now, args.tolerance, args.instructions_tolerance);
        print!("{}", text::against(&against));
        has_regressed |= !against.regressions.is_empty();
        if base.is_none() && against.compared == 0 {
            println!("nothing of the baseline could be compared");
            verdict = Verdict::TooNoisy;
        }
    }
    if has_regressed {
        verdict = Verdict::Regression;
    }
    if let Some(path) = &args.store {
        now.write(path)?;
    }
    if base.is_some() {
        println!("{}", text::verdict(verdict, args.tolerance));
    }
    Ok(exit(verdict))
}

fn exit(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::NoRegressionShown => 0,
        Verdict::Regression => 1,
        Verdict::TooNoisy => 2,
    })
}

/// The head's counts, and whether one of them is a regression.
fn count_instructions(args: &Args, base: Option<&Subject>, head: &Subject) -> (Counts, bool) {
    let of_head = count(&head.instructions, "head", args.iterations);
    print!("{}", text::skipped(&of_head.skipped));
    let Some(base) = base else {
        return (of_head.counts, false);
    };
    let of_base = count(&base.instructions, "base", args.iterations);
    print!("{}", text::skipped(&of_base.skipped));
    let (ratios, skipped) = super::instructions::compare(
        &of_base.counts,
        &of_head.counts,
        args.instructions_tolerance,
    );
    print!("{}{}", text::skipped(&skipped), text::counts(&ratios));
    print!("{}", text::count_regressions(&ratios));
    let has_regressed = ratios.iter().any(|ratio| ratio.has_regressed);
    (of_head.counts, has_regressed)
}

enum Measured {
    Decided(Decision),
    /// The head's fault, in words.
    Unclean(String),
}

fn measure(
    args: &Args,
    workloads: Vec<(String, Workload)>,
    base: &Subject,
    head: &Subject,
) -> Result<Measured, GateError> {
    let most = usize::from(args.rounds_max);
    let rules = Rules {
        tolerance: args.tolerance,
        false_alarms: args.false_alarms,
        missed: 0.05,
        looks: [most * 2 / 5, most * 2 / 3, most],
    };
    let mut rounds = Rounds::new(workloads);
    let decided = decide(&rules, |so_many| {
        let run = |side, name: &str, workload: &Workload, round| {
            let (subject, side) = match side {
                Side::A => (base, "base"),
                Side::B => (head, "head"),
            };
            run_once(subject, side, name, workload, &format!("{round}/{so_many}"))
        };
        rounds.measure(so_many, run)?;
        match rounds.fault() {
            Some(fault) => Err(Stop::Fault(fault)),
            None => Ok(rounds.series()),
        }
    });
    match decided {
        Ok(decision) => Ok(Measured::Decided(decision)),
        Err(Stop::Fault(fault)) if fault.is_of_head => Ok(Measured::Unclean(fault.what)),
        Err(Stop::Fault(fault)) => Err(GateError::Base(fault.what)),
        Err(Stop::Error(error)) => Err(*error),
    }
}

/// Why no more rounds are run.
enum Stop {
    Error(Box<GateError>),
    Fault(Fault),
}

impl From<GateError> for Stop {
    fn from(error: GateError) -> Self {
        Self::Error(Box::new(error))
    }
}

/// One run on a fresh broker.
fn run_once(
    subject: &Subject,
    side: &str,
    name: &str,
    workload: &Workload,
    round: &str,
) -> Result<Outcome, GateError> {
    let side = || format!("{side} ({})", subject.name);
    let started = LocalBroker::start(&subject.command(), &std::env::temp_dir());
    let broker = started.map_err(|source| GateError::Broker {
        side: side(),
        source,
    })?;
    let progress = Progress::titled(format!("round {round}, {name}, {}", side()));
    run(broker.bootstrap(), workload, &progress).map_err(|source| GateError::Load {
        side: side(),
        workload: name.to_owned(),
        source,
    })
}

/// Of whoever builds here; "unknown" without one.
fn toolchain() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_read_as_percent_or_as_fractions() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share("0.03"), Ok(0.03));
        for bad in ["5", "0", "-1%", "x"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
