//! The rounds of each cell put together: median, and how far around it the others lay.

use super::plan::{Cell, Plan};
use super::store::Run;
use crate::limits::{Limits, binding};
use crate::outcome::{Better, Figure, Outcome, Verification};
use crate::report::significant;
use crate::stats::median;

/// A figure over the rounds that have it.
#[derive(Clone, Debug)]
pub(super) struct Spread {
    pub name: String,
    pub unit: String,
    pub median: f64,
    pub low: f64,
    pub high: f64,
    /// Of a run that was not clean, or a percentile of a schedule that slipped.
    pub is_doubtful: bool,
}

/// A cell and its runs.
pub(super) struct Summary<'a> {
    pub cell: &'a Cell,
    pub runs: Vec<&'a Outcome>,
    pub figures: Vec<Spread>,
}

/// One for each cell of the plan, in its order.
pub(super) fn summaries<'a>(plan: &'a Plan, runs: &'a [Run]) -> Vec<Summary<'a>> {
    let of = |cell: &'a Cell| {
        let name = plan.name(cell);
        // What failed once and came to a result later is forgotten.
        let was_repeated = |index: usize, run: &Run| {
            let mut later = runs.iter().skip(index + 1);
            run.has_failed()
                && later.any(|other| other.cell == run.cell && other.round == run.round)
        };
        let runs = runs.iter().enumerate();
        let runs = runs.filter(|(index, run)| run.cell == name && !was_repeated(*index, run));
        let runs = runs.map(|(_, run)| run);
        Summary::new(cell, runs.map(|run| &run.outcome).collect())
    };
    plan.cells.iter().map(of).collect()
}

/// Whether slips of the schedule touch it.
fn is_latency(figure: &Figure) -> bool {
    figure.unit == "ms" && figure.better == Better::Lower
}

impl<'a> Summary<'a> {
    fn new(cell: &'a Cell, runs: Vec<&'a Outcome>) -> Self {
        let mut figures: Vec<(Figure, Vec<f64>)> = Vec::new();
        for figure in runs.iter().flat_map(|run| run.figures()) {
            let known = figures
                .iter_mut()
                .find(|(known, _)| known.name == figure.name && known.unit == figure.unit);
            match known {
                Some((_, values)) => values.push(figure.value),
                None => {
                    let value = figure.value;
                    figures.push((figure, vec![value]));
                }
            }
        }
        let is_unclean = runs.iter().any(|run| !run.is_clean());
        let slipped = runs.iter().any(|run| run.has_slipped());
        let figures = figures.into_iter().map(|(figure, values)| Spread {
            median: median(&values),
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            is_doubtful: is_unclean || slipped && is_latency(&figure),
            name: figure.name,
            unit: figure.unit,
        });
        Self {
            cell,
            figures: figures.collect(),
            runs,
        }
    }

    pub fn figure(&self, name: &str, unit: &str) -> Option<&Spread> {
        let mut figures = self.figures.iter();
        figures.find(|figure| figure.name == name && figure.unit == unit)
    }

    /// What a reader has to know before believing the figures; empty if there is nothing.
    pub fn faults(&self) -> String {
        let mut faults = Vec::new();
        if self.runs.is_empty() {
            faults.push("not run yet".to_owned());
        }
        let mut found = Verification::default();
        self.runs
            .iter()
            .for_each(|run| found.add(&run.verification));
        for (what, count) in found.faults() {
            if count > 0 {
                faults.push(format!("{count} records {what}"));
            }
        }
        let mut errors: Vec<(&str, u64)> = Vec::new();
        for (error, count) in self.runs.iter().flat_map(|run| &run.errors) {
            match errors.iter_mut().find(|(known, _)| known == error) {
                Some((_, sum)) => *sum += count,
                None => errors.push((error, *count)),
            }
        }
        let errors = errors.iter();
        faults.extend(errors.map(|(error, count)| format!("{count} times: {error}")));
        let slipped = self.runs.iter().filter(|run| run.has_slipped()).count();
        if slipped > 0 {
            faults.push(format!(
                "schedule slipped in {slipped} of {} runs: percentiles do not hold",
                self.runs.len()
            ));
        }
        let count = |is_it: fn(&Outcome) -> bool| self.runs.iter().filter(|run| is_it(run)).count();
        let unsteady = |run: &Outcome| run.warm_up.is_some_and(|warm_up| !warm_up.is_steady);
        for (count, what) in [
            (count(unsteady), "not steady when it was measured"),
            (
                count(Outcome::is_bench_busy),
                "the load generator itself was the limit",
            ),
        ] {
            if count > 0 {
                faults.push(format!("{what}, in {count} of {} runs", self.runs.len()));
            }
        }
        faults.join("; ")
    }

    /// The round whose `percentile` is the median: a curve must come from one run.
    pub fn middle(&self, percentile: impl Fn(&Outcome) -> Option<u64>) -> Option<&'a Outcome> {
        let runs = self.runs.iter();
        let mut runs: Vec<(u64, &Outcome)> = runs
            .filter_map(|run| Some((percentile(run)?, *run)))
            .collect();
        runs.sort_by_key(|(value, _)| *value);
        let middle = runs.len().saturating_sub(1) / 2;
        runs.get(middle).map(|(_, run)| *run)
    }

    /// Figure, and which share of which limit its median reached: `63% of 410 MB/s, disk`.
    pub fn bounds(&self, limits: &Limits) -> Vec<(String, String)> {
        let all: Vec<_> = self.runs.iter().map(|run| binding(limits, run)).collect();
        let Some(first) = all.first() else {
            return Vec::new();
        };
        let text = first.iter().map(|bound| {
            let same = all.iter().flatten().filter(|b| b.figure == bound.figure);
            let percents: Vec<f64> = same.map(|b| b.percent).collect();
            let text = format!(
                "{:.0}% of {} {}: {}",
                median(&percents),
                significant(bound.limit_value),
                bound.unit,
                bound.limit
            );
            (bound.figure.clone(), text)
        });
        text.collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::outcome::{Flow, Latency, Schedule};
    use crate::sweep::plan::tests::{SIX_CELLS, plan};
    use crate::workload::{Acks, Workload};

    /// What such a workload might have given.
    pub fn outcome(workload: &Workload, records_per_second: u64) -> Outcome {
        let curve = [
            (0.0, 200),
            (50.0, 1000),
            (99.0, 4000),
            (99.9, 9000),
            (100.0, 20_000),
        ];
        let latency = Latency {
            count: 10_000,
            p50_us: 1000,
            p99_us: 4000,
            p99_9_us: 9000,
            max_us: 20_000,
            curve: curve.to_vec(),
            ..Latency::default()
        };
        Outcome {
            started_ms: 1,
            produce: Flow {
                records: records_per_second,
                payload_bytes: records_per_second * workload.size.mean() as u64,
                requests: 1,
                seconds: 1.0,
            },
            ack_latency: (workload.acks != Acks::None).then_some(latency),
            broker: Some(Default::default()),
            ..Outcome::of(workload)
        }
    }

    /// Three rounds of every cell.
    pub fn runs(plan: &Plan) -> Vec<Run> {
        let order = plan.order().into_iter();
        let run = |(round, cell): (u32, &Cell)| Run {
            cell: plan.name(cell),
            round,
            outcome: outcome(&cell.workload, [1000, 5000, 2000][round as usize - 1]),
        };
        order.map(run).collect()
    }

    #[test]
    fn a_cell_is_the_median_of_its_rounds_between_the_ends() {
        let plan = plan(SIX_CELLS).unwrap();
        let runs = runs(&plan);
        let summaries = summaries(&plan, &runs);
        assert_eq!(summaries.len(), 6);
        for summary in &summaries {
            let produce = summary.figure("produce", "records/s").unwrap();
            assert_eq!(
                (produce.low, produce.median, produce.high),
                (1000.0, 2000.0, 5000.0)
            );
            assert!(!produce.is_doubtful && summary.faults().is_empty());
        }
    }

    #[test]
    fn a_slip_makes_percentiles_doubtful_and_a_loss_everything() {
        let plan = plan(SIX_CELLS).unwrap();
        let mut runs = runs(&plan);
        let slipped = Schedule {
            has_slipped: true,
            ..Schedule::default()
        };
        let first = plan.name(&plan.cells[0]);
        let second = plan.name(&plan.cells[1]);
        for run in &mut runs {
            run.outcome.schedule = (run.cell == first && run.round == 2).then_some(slipped);
            run.outcome.verification.lost = u64::from(run.cell == second) * 2;
        }
        let summaries = summaries(&plan, &runs);
        let doubt = |index: usize, name, unit| {
            let summary: &Summary<'_> = &summaries[index];
            summary.figure(name, unit).unwrap().is_doubtful
        };
        assert!(doubt(0, "ack p99", "ms") && !doubt(0, "produce", "records/s"));
        assert!(doubt(1, "ack p99", "ms") && doubt(1, "produce", "records/s"));
        assert!(summaries[0].faults().contains("1 of 3 runs"));
        assert_eq!(summaries[1].faults(), "6 records lost");
    }
}
