//! The gate's workloads, and its figures round by round.
//!
//! In a round both sides run every workload, the one that is first changes from round to round.
//! Whoever runs them starts a fresh broker each time: where a process happens to lie in memory must
//! not favour one side in all rounds.

use std::path::PathBuf;

use super::decision::Series;
use crate::compare::{Comparison, Side};
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

const MAY_STAY_OPEN: [&str; 1] = ["ack p99"];

/// A run was not clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub is_of_head: bool,
    pub what: String,
}

/// All rounds so far.
pub(super) struct Rounds {
    workloads: Vec<Workload>,
    comparisons: Vec<Comparison>,
    /// With the one that warms up.
    done: usize,
}

/// Workloads by name: those of the files, or the gate's own.
pub(super) fn workloads(files: &[PathBuf]) -> Result<Vec<(String, Workload)>, WorkloadError> {
    if files.is_empty() {
        let ours = OURS.iter().map(|(name, text)| {
            let options: WorkloadOptions =
                toml::from_str(text).map_err(|source| WorkloadError::Toml {
                    path: (*name).to_owned(),
                    source,
                })?;
            Ok(((*name).to_owned(), options.resolve()?))
        });
        return ours.collect();
    }
    let read = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok((name.into_owned(), WorkloadOptions::read(path)?.resolve()?))
    };
    files.iter().map(read).collect()
}

impl Rounds {
    pub fn new(workloads: Vec<(String, Workload)>) -> Self {
        let (names, workloads): (Vec<String>, Vec<Workload>) = workloads.into_iter().unzip();
        let comparison = |workload: String| Comparison {
            workload,
            ..Comparison::default()
        };
        Self {
            workloads,
            comparisons: names.into_iter().map(comparison).collect(),
            done: 0,
        }
    }

    /// Runs until there are so many rounds; `run` is told side, name, workload and round.
    pub fn measure<E>(
        &mut self,
        rounds: usize,
        mut run: impl FnMut(Side, &str, &Workload, usize) -> Result<Outcome, E>,
    ) -> Result<(), E> {
        while self.done <= rounds {
            for (comparison, workload) in self.comparisons.iter_mut().zip(&self.workloads) {
                let name = comparison.workload.clone();
                let run = &mut |side, round| run(side, &name, workload, round);
                comparison.add_round(self.done, run)?;
            }
            self.done += 1;
        }
        Ok(())
    }

    /// The first run that was not clean.
    pub fn fault(&self) -> Option<Fault> {
        let of = |comparison: &Comparison| {
            let what = |side| comparison.faults_of(side).into_iter().next();
            let head = what(Side::B).map(|what| (true, what));
            let (is_of_head, what) = head.or_else(|| what(Side::A).map(|what| (false, what)))?;
            Some(Fault {
                is_of_head,
                what: format!("{}: {what}", comparison.workload),
            })
        };
        self.comparisons.iter().find_map(of)
    }

    pub fn series(&self) -> Vec<Series> {
        self.comparisons.iter().flat_map(series).collect()
    }
}

fn series(comparison: &Comparison) -> Vec<Series> {
    let base: Vec<Vec<Figure>> = comparison.a.iter().map(deciding).collect();
    let head: Vec<Vec<Figure>> = comparison.b.iter().map(deciding).collect();
    // The run with most figures names them: one that has slipped has fewer.
    let Some(names) = base.iter().max_by_key(|figures| figures.len()) else {
        return Vec::new();
    };
    let of = |figure: &Figure| {
        let is_it = |other: &&Figure| other.name == figure.name;
        let value = |run: &Vec<Figure>| run.iter().find(is_it).map(|found| found.value);
        // A schedule that slipped on one side voids this pair, and no other.
        let pairs = base.iter().zip(&head);
        let pairs = pairs.filter_map(|(base, head)| value(base).zip(value(head)));
        let (base, head): (Vec<f64>, Vec<f64>) = pairs.unzip();
        (!base.is_empty()).then(|| Series {
            workload: comparison.workload.clone(),
            name: figure.name.clone(),
            unit: figure.unit.clone(),
            better: figure.better,
            base,
            head,
            may_stay_open: MAY_STAY_OPEN.contains(&figure.name.as_str()),
        })
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
            name: "broker CPU of reads".into(),
            unit: "s/GB".into(),
            value: broker.cpu_s() * 1e9 / flow.payload_bytes.max(1) as f64,
            better: Better::Lower,
        });
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Flow, Latency, Phase, Usage};

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
            ack_latency: Some(Latency::default()),
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

    fn measured(rounds: usize) -> (Rounds, Vec<(Side, usize)>) {
        let mut all = Rounds::new(workloads(&[]).unwrap());
        let mut order = Vec::new();
        let measured = all.measure::<()>(rounds, |side, name, workload, round| {
            if name == "consume" {
                order.push((side, round));
            }
            Ok(outcome(workload, if side == Side::A { 2.0 } else { 3.0 }))
        });
        measured.unwrap();
        (all, order)
    }

    #[test]
    fn rounds_are_added_to_those_that_were_measured() {
        let (mut rounds, order) = measured(3);
        assert_eq!(order.len(), 2 * (1 + 3));
        let mut more = 0;
        let added = rounds.measure::<()>(5, |_, _, workload, _| {
            more += 1;
            Ok(outcome(workload, 1.0))
        });
        assert_eq!((added, more), (Ok(()), 2 * 2 * 3));
        assert!(rounds.series().iter().all(|one| one.base.len() == 5));
    }

    #[test]
    fn the_figures_that_decide_are_named_and_each_measures_one_thing() {
        let (rounds, _) = measured(2);
        let series = rounds.series();
        let names = |workload: &str| -> Vec<&str> {
            let of = series.iter().filter(|one| one.workload == workload);
            of.map(|one| one.name.as_str()).collect()
        };
        assert_eq!(
            names("produce-16k"),
            ["produce", "ack p50", "ack p99", "broker CPU"]
        );
        assert_eq!(names("consume"), ["consume", "broker CPU of reads"]);
        let cpu = series.last().unwrap();
        assert_eq!((cpu.base[0], cpu.head[0]), (2.0, 3.0));
    }

    #[test]
    fn what_the_head_loses_is_named_with_its_workload() {
        let (mut rounds, _) = measured(2);
        assert_eq!(rounds.fault(), None);
        rounds.comparisons[1].b[0].verification.lost = 7;
        let fault = rounds.fault().unwrap();
        assert!(fault.is_of_head && fault.what.contains("produce-1m"));
        assert!(fault.what.contains("7 records lost"), "{fault:?}");
    }
}
