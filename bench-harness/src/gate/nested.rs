//! The gate's workloads, and its figures round by round.
//!
//! Nested: in a round both brokers are started anew, so that where a process happens to lie in
//! memory does not favour one side in all rounds, and then measured in several short windows by
//! turns, so that a slow minute slows both. The windows of a round become one pair of values, their
//! geometric means; only rounds are counted as independent.

use std::path::PathBuf;

use super::decision::Series;
use crate::compare::Side;
use crate::outcome::{Better, Figure, Outcome};
use crate::workload::{Workload, WorkloadError, WorkloadOptions};

/// The workloads when none are given.
const OURS: [(&str, &str); 3] = [
    (
        "produce-16k",
        include_str!("../../../perf/gate/produce-16k.toml"),
    ),
    (
        "produce-1m",
        include_str!("../../../perf/gate/produce-1m.toml"),
    ),
    ("consume", include_str!("../../../perf/gate/consume.toml")),
];

/// The figures that decide while records are produced; of a workload with cold reads only those of
/// the reads, since others measure producing. Throughput in MB/s says the same as records/s, and
/// what the client uses is not the broker's fault.
const DECIDING: [(&str, &str); 5] = [
    ("produce", "records/s"),
    ("consume", "records/s"),
    ("broker CPU", "s/GB"),
    ("ack p50", "ms"),
    ("ack p99", "ms"),
];

/// What the broker does, rather than when it is done: a loaded machine moves these least.
const WORK: [&str; 2] = ["broker CPU", BROKER_CPU_OF_READS];
const BROKER_CPU_OF_READS: &str = "broker CPU of reads";

/// Which figures have to be clear before the gate says that nothing was shown. All of them may
/// raise an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Await {
    /// What brokers use: instructions where they can be counted, else CPU time
    Work,
    /// Rates and medians of latencies, too: for a machine of one's own
    All,
}

/// A run was not clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub is_of_head: bool,
    pub what: String,
}

/// The windows of one workload in one round, as pairs.
type Windows = Vec<(Outcome, Outcome)>;

/// All rounds so far.
pub(super) struct Nested {
    workloads: Vec<(String, Workload)>,
    windows: usize,
    /// By round, then by workload.
    rounds: Vec<Vec<Windows>>,
}

/// Workloads by name: those of the files, or the gate's own.
pub(super) fn workloads(
    files: &[PathBuf],
    is_read_back: bool,
) -> Result<Vec<(String, Workload)>, WorkloadError> {
    let all: Vec<(String, WorkloadOptions)> = if files.is_empty() {
        let ours = OURS.iter().map(|(name, text)| {
            let options = toml::from_str(text).map_err(|source| WorkloadError::Toml {
                path: (*name).to_owned(),
                source,
            })?;
            Ok(((*name).to_owned(), options))
        });
        ours.collect::<Result<_, WorkloadError>>()?
    } else {
        let read = |path: &PathBuf| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            Ok((name.into_owned(), WorkloadOptions::read(path)?))
        };
        files
            .iter()
            .map(read)
            .collect::<Result<_, WorkloadError>>()?
    };
    let resolve = |(name, mut options): (String, WorkloadOptions)| {
        if is_read_back && options.consumers.unwrap_or(0) == 0 {
            options.consumers = Some(1);
        }
        Ok((name, options.resolve()?))
    };
    all.into_iter().map(resolve).collect()
}

impl Nested {
    pub fn new(workloads: Vec<(String, Workload)>, windows: usize) -> Self {
        Self {
            workloads,
            windows,
            rounds: Vec::new(),
        }
    }

    pub fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// One more round on two brokers that were started for it; `run` measures one window.
    pub fn add_round<E>(
        &mut self,
        mut run: impl FnMut(Side, &str, &Workload) -> Result<Outcome, E>,
    ) -> Result<(), E> {
        let round = self.rounds.len();
        let mut of_round = Vec::new();
        for (name, workload) in &self.workloads {
            let mut windows = Windows::new();
            for window in 0..self.windows {
                // a b, b a, …, and the other way round in the next round.
                windows.push(if (round + window).is_multiple_of(2) {
                    let base = run(Side::A, name, workload)?;
                    (base, run(Side::B, name, workload)?)
                } else {
                    let head = run(Side::B, name, workload)?;
                    (run(Side::A, name, workload)?, head)
                });
            }
            of_round.push(windows);
        }
        self.rounds.push(of_round);
        Ok(())
    }

    /// The first run that was not clean, of the head if there is one.
    pub fn fault(&self) -> Option<Fault> {
        let of = |is_of_head: bool| {
            let pairs = self.rounds.iter().flat_map(|round| {
                let named = self.workloads.iter().zip(round);
                named.flat_map(|((name, _), pairs)| pairs.iter().map(move |pair| (name, pair)))
            });
            let runs =
                pairs.map(|(name, (base, head))| (name, if is_of_head { head } else { base }));
            let mut unclean = runs.filter(|(_, run)| !run.is_clean());
            unclean.next().map(|(name, run)| Fault {
                is_of_head,
                what: format!("{name}: {}", run.faults().join(", ")),
            })
        };
        of(true).or_else(|| of(false))
    }

    pub fn is_read_back(&self) -> bool {
        let mut pairs = self.rounds.iter().flatten().flatten();
        pairs.all(|(base, head)| base.verification.is_read_back && head.verification.is_read_back)
    }

    /// `are_counted`: instructions of whole brokers were, and are waited for instead of CPU time.
    pub fn series(&self, awaited: Await, are_counted: bool) -> Vec<Series> {
        let may_stay_open = |name: &str| match awaited {
            Await::All => name == "ack p99",
            Await::Work => are_counted || !WORK.contains(&name),
        };
        let mut all: Vec<Series> = Vec::new();
        for (index, (workload, _)) in self.workloads.iter().enumerate() {
            for round in &self.rounds {
                for (figure, base, head) in pairs(&round[index]) {
                    let is_it =
                        |one: &&mut Series| one.workload == *workload && one.name == figure.name;
                    let known = all.iter_mut().find(is_it);
                    let Some(known) = known else {
                        all.push(Series {
                            workload: workload.clone(),
                            may_stay_open: may_stay_open(&figure.name),
                            name: figure.name,
                            unit: figure.unit,
                            better: figure.better,
                            base: vec![base],
                            head: vec![head],
                        });
                        continue;
                    };
                    known.base.push(base);
                    known.head.push(head);
                }
            }
        }
        all
    }
}

/// Every deciding figure of a round with its value on both sides. A window in which a side has no
/// such value, as a percentile of a schedule that slipped, is left out.
fn pairs(windows: &Windows) -> Vec<(Figure, f64, f64)> {
    let windows: Vec<(Vec<Figure>, Vec<Figure>)> = windows
        .iter()
        .map(|(base, head)| (deciding(base), deciding(head)))
        .collect();
    // One that has slipped has fewer.
    let Some((names, _)) = windows.iter().max_by_key(|(base, _)| base.len()) else {
        return Vec::new();
    };
    let of = |figure: &Figure| {
        let value = |run: &[Figure]| {
            let found = run.iter().find(|other| other.name == figure.name)?;
            (found.value > 0.0).then(|| found.value.ln())
        };
        let both = windows
            .iter()
            .filter_map(|(base, head)| value(base).zip(value(head)));
        let (base, head): (Vec<f64>, Vec<f64>) = both.unzip();
        let mean = |logs: &[f64]| (logs.iter().sum::<f64>() / logs.len() as f64).exp();
        (!base.is_empty()).then(|| (figure.clone(), mean(&base), mean(&head)))
    };
    names.iter().filter_map(of).collect()
}

fn deciding(outcome: &Outcome) -> Vec<Figure> {
    let is_cold = outcome.consume_usage.is_some();
    let decides = |figure: &Figure| {
        DECIDING.contains(&(figure.name.as_str(), figure.unit.as_str()))
            && !(outcome.has_slipped() && figure.unit == "ms")
            && (!is_cold || figure.name == "consume")
    };
    let mut figures = outcome.figures();
    figures.retain(decides);
    let reads = outcome.consume_usage.and_then(|phase| phase.broker);
    if let (Some(broker), Some(flow)) = (reads, outcome.consume) {
        figures.push(Figure {
            name: BROKER_CPU_OF_READS.into(),
            unit: "s/GB".into(),
            value: broker.cpu_s() * 1e9 / flow.payload_bytes.max(1) as f64,
            better: Better::Lower,
        });
    }
    figures
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::outcome::{Flow, Latency, Phase, Schedule, Usage};

    fn outcome(workload: &Workload, cpu_user_s: f64) -> Outcome {
        let usage = Usage {
            cpu_user_s,
            ..Usage::default()
        };
        let flow = Flow {
            records: 1_000_000,
            payload_bytes: 1_000_000_000,
            requests: 1,
            seconds: 1.0,
        };
        let is_cold = workload.consumers > 0;
        Outcome {
            produce: flow,
            ack_latency: Some(Latency {
                p50_us: 500,
                p99_us: 900,
                ..Latency::default()
            }),
            consume: is_cold.then_some(flow),
            client: usage,
            broker: Some(usage),
            consume_usage: is_cold.then_some(Phase {
                client: usage,
                broker: Some(usage),
            }),
            ..Outcome::of(workload)
        }
    }

    fn measured(rounds: usize, windows: usize) -> (Nested, Vec<Side>) {
        let mut all = Nested::new(workloads(&[], false).unwrap(), windows);
        let mut order = Vec::new();
        for _ in 0..rounds {
            let added = all.add_round::<()>(|side, name, workload| {
                if name == "consume" {
                    order.push(side);
                }
                Ok(outcome(workload, 1.0))
            });
            added.unwrap();
        }
        (all, order)
    }

    #[test]
    fn both_sides_take_turns_and_neither_is_always_first() {
        let (_, order) = measured(2, 2);
        use Side::{A, B};
        assert_eq!(order, [A, B, B, A, B, A, A, B]);
    }

    #[test]
    fn the_windows_of_a_round_are_one_pair() {
        let (all, _) = measured(3, 2);
        let series = all.series(Await::Work, false);
        assert!(
            series
                .iter()
                .all(|one| one.base.len() == 3 && one.head.len() == 3)
        );
        // Geometric means: of 1 and 4, and of 2 and 8.
        let workload = workloads(&[], false).unwrap().remove(0).1;
        let of = |cpu_s| outcome(&workload, cpu_s);
        let values = pairs(&vec![(of(1.0), of(2.0)), (of(4.0), of(8.0))]);
        let cpu = values
            .iter()
            .find(|(figure, ..)| figure.name == "broker CPU");
        let (_, base, head) = cpu.unwrap();
        assert!((base - 2.0).abs() < 1e-9 && (head - 4.0).abs() < 1e-9);
    }

    #[test]
    fn the_figures_that_decide_are_named_and_each_measures_one_thing() {
        let (rounds, _) = measured(2, 1);
        let names = |awaited, are_counted, workload: &str| -> Vec<(String, bool)> {
            let series = rounds.series(awaited, are_counted).into_iter();
            let of = series.filter(|one| one.workload == workload);
            of.map(|one| (one.name, one.may_stay_open)).collect()
        };
        let open = |name: &str, may_stay_open| (name.to_owned(), may_stay_open);
        assert_eq!(
            names(Await::Work, false, "produce-16k"),
            [
                open("produce", true),
                open("ack p50", true),
                open("ack p99", true),
                open("broker CPU", false)
            ]
        );
        assert_eq!(
            names(Await::All, false, "consume"),
            [open("consume", false), open(BROKER_CPU_OF_READS, false)]
        );
        let counted = names(Await::Work, true, "consume");
        assert!(counted.iter().all(|(_, may_stay_open)| *may_stay_open));
    }

    #[test]
    fn a_slip_voids_the_percentiles_of_its_window_only() {
        let workload = workloads(&[], false).unwrap().remove(0).1;
        let good = || outcome(&workload, 1.0);
        let mut slipped = good();
        slipped.schedule = Some(Schedule {
            has_slipped: true,
            ..Schedule::default()
        });
        slipped.ack_latency = Some(Latency {
            p50_us: 9_000_000,
            ..Latency::default()
        });
        let values = pairs(&vec![(good(), good()), (slipped, good())]);
        let p50 = values.iter().find(|(figure, ..)| figure.name == "ack p50");
        let (_, base, head) = p50.unwrap();
        assert!((base - 0.5).abs() < 1e-9 && (head - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_the_head_loses_is_named_with_its_workload() {
        let (mut rounds, _) = measured(2, 2);
        assert_eq!(rounds.fault(), None);
        rounds.rounds[0][0][0].0.verification.short = 1;
        rounds.rounds[1][1][1].1.verification.lost = 7;
        let fault = rounds.fault().unwrap();
        assert!(fault.is_of_head && fault.what.contains("produce-1m"));
        assert!(fault.what.contains("7 records lost"), "{fault:?}");
    }

    #[test]
    fn records_are_read_back_where_that_is_asked_for() {
        let consumers = |is_read_back| -> Vec<u32> {
            let all = workloads(&[], is_read_back).unwrap();
            all.iter().map(|(_, workload)| workload.consumers).collect()
        };
        assert_eq!(consumers(false), [0, 0, 1]);
        assert_eq!(consumers(true), [1, 1, 1]);
    }
}
