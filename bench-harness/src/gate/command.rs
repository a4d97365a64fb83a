//! The command: both sides made ready, instructions counted, rounds run, one answer.
//!
//! Nothing is measured while something is built or counted: the rounds have the machine to
//! themselves, as far as the gate goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use super::baseline::{Baseline, BaselineError};
use super::broker_count::{BrokerCount, CountError, count_brokers};
use super::decision::{Decision, Finding, Measured, Rules, Verdict, decide};
use super::instructions::{Counts, count};
use super::nested::{Await, Fault, Nested, workloads};
use super::subject::{Subject, SubjectError};
use super::{table, text};
use crate::brokers::{BrokerError, LocalBroker, Place, PlaceError};
use crate::compare::Side;
use crate::interrupt;
use crate::load::{LoadError, Progress, run, settle};
use crate::measure::Environment;
use crate::workload::{Span, Workload, WorkloadError};

/// Whether a head is slower than its base: ends with 0 if no regression was shown, 1 for a
/// regression, 2 if it is too noisy to tell, 3 if it could not be measured or asked for wrongly
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A revision of this repository, which is built, a tree to be built as it is (`.`), or a
    /// built `naru`
    #[arg(
        long,
        value_name = "REVISION|DIR|BINARY",
        required_unless_present_any = ["against", "base_command"],
        conflicts_with = "base_command"
    )]
    base: Option<String>,
    /// The same, for what may have become slower
    #[arg(
        long,
        value_name = "REVISION|DIR|BINARY",
        required_unless_present = "head_command",
        conflicts_with = "head_command"
    )]
    head: Option<String>,
    /// Instead: a command that starts any broker, with any settings, on 127.0.0.1:{port} with its
    /// data in {data}
    #[arg(long, value_name = "COMMAND")]
    base_command: Option<String>,
    /// The same for the head
    #[arg(long, value_name = "COMMAND")]
    head_command: Option<String>,
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
    /// Which figures have to be clear for an exit code of 0; every figure may raise an alarm
    #[arg(long = "await", value_enum, default_value = "work")]
    awaited: Await,
    /// Rounds at most; the gate looks after two fifths, two thirds and all of them, and stops as
    /// soon as it knows, or that it will not know
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u16).range(16..=60))]
    rounds_max: u16,
    /// Windows of each workload, side and round: by turns, on the same two brokers
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=20))]
    windows: u16,
    /// No round begins later than so long after the first one; then what is there is looked at
    #[arg(long, default_value = "20m")]
    time_max: Span,
    /// Do not count the instructions of whole brokers below valgrind
    #[arg(long)]
    no_broker_counts: bool,
    /// What is tolerated of the instructions of a whole broker for a record
    #[arg(long, default_value = "5%", value_parser = share)]
    broker_counts_tolerance: f64,
    /// Read every record back and check it, also where the workload has no consumer: the load is
    /// another one then. Where partitions end is always held against what was acknowledged
    #[arg(long)]
    read_back: bool,
    /// Before each round, everything is written to the disk that was not yet, and so long is waited
    #[arg(long, default_value = "500ms")]
    settle: Span,
    #[command(flatten)]
    place: Place,
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
    /// Write the answer there as Markdown, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Write everything that was measured there as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
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
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error("instructions of whole brokers: {0}")]
    Count(#[from] CountError),
    #[error("{path}: {source}")]
    Write {
        path: String,
        source: std::io::Error,
    },
    #[error("interrupted")]
    Interrupted,
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
    let workloads = workloads(&args.files, args.read_back)?;
    let place = args.place.dir()?;
    let (base, head) = subjects(&args)?;

    let (instructions, mut has_regressed) = count_instructions(&args, base.as_ref(), &head);
    let brokers = match &base {
        Some(base) if !args.no_broker_counts => {
            count_whole(&args, &workloads, (base, &head), &place)?
        }
        _ => Vec::new(),
    };
    has_regressed |= brokers.iter().any(|one| one.finding == Finding::Regressed);
    let mut now = Baseline {
        environment: Environment::of(&place),
        toolchain: toolchain(),
        base_commit: base.as_ref().and_then(|base| base.commit.clone()),
        head_commit: head.commit.clone(),
        verdict: None,
        rounds: 0,
        workloads: workloads.iter().cloned().collect::<BTreeMap<_, _>>(),
        figures: Vec::new(),
        instructions,
        brokers,
        is_read_back: args.read_back,
        stopped: None,
    };
    let mut verdict = Verdict::NoRegressionShown;
    let mut fault = None;
    if let Some(base) = &base {
        match measure(&args, workloads, (base, &head), &now.brokers, &place)? {
            Outcome::Unclean(what) => {
                println!("regression: a run of the head was not clean: {what}");
                verdict = Verdict::Regression;
                fault = Some(what);
            }
            Outcome::Decided(decision, is_read_back) => {
                print!(
                    "{}{}",
                    text::figures(&decision),
                    text::regressions(&decision)
                );
                print!(
                    "{}{}",
                    text::stopped(&decision),
                    text::read_back(is_read_back)
                );
                verdict = decision.verdict;
                now.rounds = decision.rounds;
                now.figures = decision.figures;
                now.is_read_back = is_read_back;
                now.stopped = Some(decision.stopped);
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
    now.verdict = base.is_some().then_some(verdict);
    write_out(&args, &now, fault.as_deref())?;
    if base.is_some() {
        println!("{}", text::verdict(verdict, args.tolerance));
    }
    Ok(exit(verdict))
}

/// Base, if there is one, and head.
fn subjects(args: &Args) -> Result<(Option<Subject>, Subject), GateError> {
    let prepare = |name: &str, side, instructions: &Option<PathBuf>| {
        Subject::prepare(name, side, instructions.as_deref())
    };
    let base = match (&args.base_command, &args.base) {
        (Some(command), _) => Some(Subject::of_command(command)),
        (None, Some(name)) => Some(prepare(name, "base", &args.base_instructions)?),
        (None, None) => None,
    };
    let head = match (&args.head_command, &args.head) {
        (Some(command), _) => Subject::of_command(command),
        (None, name) => prepare(
            name.as_deref().unwrap_or_default(),
            "head",
            &args.head_instructions,
        )?,
    };
    if interrupt::is_requested() {
        return Err(GateError::Interrupted);
    }
    Ok((base, head))
}

fn write_out(args: &Args, now: &Baseline, fault: Option<&str>) -> Result<(), GateError> {
    for path in args.store.iter().chain(&args.json) {
        now.write(path)?;
    }
    if let Some(path) = &args.markdown {
        let written = std::fs::write(path, table::markdown(now, fault, args.tolerance));
        written.map_err(|source| GateError::Write {
            path: path.display().to_string(),
            source,
        })?;
    }
    Ok(())
}

fn exit(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::NoRegressionShown => 0,
        Verdict::Regression => 1,
        Verdict::TooNoisy => 2,
    })
}

/// What whole brokers take for a record, on both sides.
fn count_whole(
    args: &Args,
    workloads: &[(String, Workload)],
    (base, head): (&Subject, &Subject),
    place: &Path,
) -> Result<Vec<BrokerCount>, GateError> {
    let brokers = (base.broker.as_deref(), head.broker.as_deref());
    let tolerance = args.broker_counts_tolerance;
    let (counts, skipped) = count_brokers(brokers, workloads, place, tolerance)?;
    print!(
        "{}{}",
        text::skipped(&skipped),
        text::broker_counts(&counts)
    );
    Ok(counts)
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

enum Outcome {
    /// And whether everything was read back.
    Decided(Decision, bool),
    /// The head's fault, in words.
    Unclean(String),
}

fn measure(
    args: &Args,
    workloads: Vec<(String, Workload)>,
    (base, head): (&Subject, &Subject),
    counts: &[BrokerCount],
    place: &Path,
) -> Result<Outcome, GateError> {
    let most = usize::from(args.rounds_max);
    let rules = Rules {
        tolerance: args.tolerance,
        false_alarms: args.false_alarms,
        missed: 0.05,
        looks: [most * 2 / 5, most * 2 / 3, most],
    };
    let are_counted = !counts.is_empty() && counts.iter().all(|one| one.finding != Finding::Open);
    print!("{}", text::power(&rules, 4 * workloads.len(), are_counted));
    let mut nested = Nested::new(workloads, usize::from(args.windows));
    let mut pace = Pace::new(args.time_max.0);
    let decided = decide(&rules, |so_many| {
        while nested.rounds() < so_many && pace.has_time_for_another(nested.rounds()) {
            let title = format!("round {}/{so_many}", nested.rounds() + 1);
            settle(args.settle.0);
            run_round(&mut nested, (base, head), place, &title)?;
            if let Some(fault) = nested.fault() {
                return Err(Stop::Fault(fault));
            }
        }
        Ok(Measured {
            rounds: nested.rounds(),
            series: nested.series(args.awaited, are_counted),
        })
    });
    match decided {
        Ok(decision) => Ok(Outcome::Decided(decision, nested.is_read_back())),
        Err(Stop::Fault(fault)) if fault.is_of_head => Ok(Outcome::Unclean(fault.what)),
        Err(Stop::Fault(fault)) => Err(GateError::Base(fault.what)),
        Err(Stop::Error(error)) => Err(*error),
    }
}

/// Whether one more round ends in time, going by those before it.
struct Pace {
    begun: Instant,
    time_max: Duration,
}

impl Pace {
    fn new(time_max: Duration) -> Self {
        Self {
            begun: Instant::now(),
            time_max,
        }
    }

    fn has_time_for_another(&mut self, rounds: usize) -> bool {
        let so_far = self.begun.elapsed();
        let each = so_far / u32::try_from(rounds.max(1)).unwrap_or(u32::MAX);
        rounds == 0 || so_far + each <= self.time_max
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

/// One round on two brokers that are started for it. While a window of one is measured, the other
/// is stopped where it is.
fn run_round(
    nested: &mut Nested,
    (base, head): (&Subject, &Subject),
    place: &Path,
    title: &str,
) -> Result<(), GateError> {
    let start = |subject: &Subject, side: &str| {
        let started = LocalBroker::start(&subject.command, place);
        started.map_err(|source| GateError::Broker {
            side: format!("{side} ({})", subject.name),
            source,
        })
    };
    let base_broker = start(base, "base")?;
    let head_broker = start(head, "head")?;
    nested.add_round(|side, name, workload| {
        let (broker, other, subject, side) = match side {
            Side::A => (&base_broker, &head_broker, base, "base"),
            Side::B => (&head_broker, &base_broker, head, "head"),
        };
        other.pause();
        broker.resume();
        let side = format!("{side} ({})", subject.name);
        let progress = Progress::titled(format!("{title}, {name}, {side}"));
        run(broker.bootstrap(), workload, &progress).map_err(|source| GateError::Load {
            side,
            workload: name.to_owned(),
            source,
        })
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
