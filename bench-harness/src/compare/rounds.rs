//! Interleaved rounds, and the figures of both sides put together.
//!
//! The order is a b, b a, a b, …: a drift of the machine favours neither. The first round warms
//! both up (a JVM above all) and does not count.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::outcome::{Better, Figure, Outcome, Schedule};
use crate::stats::{Ratio, Verdict, judge, median};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    A,
    B,
}

/// All runs of one workload.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Comparison {
    pub workload: String,
    pub a: Vec<Outcome>,
    pub b: Vec<Outcome>,
}

/// One figure of both sides.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct FigureComparison {
    pub name: String,
    pub unit: String,
    pub better: Better,
    pub a_median: f64,
    pub b_median: f64,
    /// b / a; `None` where it cannot be taken.
    pub ratio: Option<Ratio>,
    pub verdict: Verdict,
    /// Pairs in which the schedule of a run slipped: this percentile says more about the load
    /// generator there, so they are left out of medians and ratio.
    #[serde(default)]
    pub slipped_pairs: usize,
}

impl Comparison {
    /// One more round; number 0 warms up and is forgotten.
    pub fn add_round<E>(
        &mut self,
        round: usize,
        run: &mut impl FnMut(Side, usize) -> Result<Outcome, E>,
    ) -> Result<(), E> {
        let order = if round.is_multiple_of(2) {
            [Side::A, Side::B]
        } else {
            [Side::B, Side::A]
        };
        for side in order {
            let outcome = run(side, round)?;
            if round > 0 {
                match side {
                    Side::A => self.a.push(outcome),
                    Side::B => self.b.push(outcome),
                }
            }
        }
        Ok(())
    }

    /// What went wrong in the runs, in words.
    pub fn faults(&self) -> Vec<String> {
        let of = |name: &str, side| -> Vec<String> {
            let faults = self.faults_of(side).into_iter();
            faults
                .map(|fault| format!("{name}, {}: {fault}", self.workload))
                .collect()
        };
        [of("a", Side::A), of("b", Side::B)].concat()
    }

    /// What went wrong in the runs of one side.
    pub fn faults_of(&self, side: Side) -> Vec<String> {
        let runs = match side {
            Side::A => &self.a,
            Side::B => &self.b,
        };
        let fault = |outcome: &Outcome| (!outcome.is_clean()).then(|| outcome.faults().join(", "));
        runs.iter().filter_map(fault).collect()
    }

    /// The rounds (from 1) in which a schedule slipped, on which side, and how far.
    pub fn slips(&self) -> Vec<(usize, Side, Schedule)> {
        let of = |side, runs: &[Outcome]| -> Vec<(usize, Side, Schedule)> {
            let slipped = |(index, run): (usize, &Outcome)| {
                let schedule = run.schedule.filter(|schedule| schedule.has_slipped)?;
                Some((index + 1, side, schedule))
            };
            runs.iter().enumerate().filter_map(slipped).collect()
        };
        let mut slips = [of(Side::A, &self.a), of(Side::B, &self.b)].concat();
        slips.sort_by_key(|(round, _, _)| *round);
        slips
    }

    /// Every figure that both sides have in every round. The intervals miss the truth with a
    /// probability of at most `alpha` each.
    pub fn figures(&self, alpha: f64, tolerance: f64) -> Vec<FigureComparison> {
        let (a, b) = (figures(&self.a), figures(&self.b));
        let Some(first) = a.first() else {
            return Vec::new();
        };
        let pairs = self.a.iter().zip(&self.b);
        let is_void: Vec<bool> = pairs
            .map(|(a, b)| a.has_slipped() || b.has_slipped())
            .collect();
        let mut seen = BTreeSet::new();
        let mut compared = Vec::new();
        for figure in first {
            let (Some(mut of_a), Some(mut of_b)) = (values(&a, figure), values(&b, figure)) else {
                continue;
            };
            if !seen.insert((figure.name.clone(), figure.unit.clone())) {
                continue;
            }
            let mut slipped_pairs = 0;
            if figure.unit == "ms" {
                slipped_pairs = is_void.iter().filter(|is_void| **is_void).count();
                for values in [&mut of_a, &mut of_b] {
                    let mut is_void = is_void.iter();
                    values.retain(|_| !is_void.next().copied().unwrap_or_default());
                }
            }
            let ratio = Ratio::of(&of_a, &of_b, alpha);
            compared.push(FigureComparison {
                name: figure.name.clone(),
                unit: figure.unit.clone(),
                better: figure.better,
                a_median: median(&of_a),
                b_median: median(&of_b),
                verdict: ratio.map_or(Verdict::TooNoisy, |ratio| {
                    judge(&ratio, figure.better, tolerance)
                }),
                ratio,
                slipped_pairs,
            });
        }
        compared
    }
}

fn figures(outcomes: &[Outcome]) -> Vec<Vec<Figure>> {
    outcomes.iter().map(Outcome::figures).collect()
}

/// The values of one figure, if every run has it.
fn values(runs: &[Vec<Figure>], figure: &Figure) -> Option<Vec<f64>> {
    let is_it = |other: &&Figure| other.name == figure.name && other.unit == figure.unit;
    runs.iter()
        .map(|run| run.iter().find(is_it).map(|found| found.value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{Flow, Latency};
    use crate::workload::WorkloadOptions;

    fn outcome(records: u64) -> Outcome {
        Outcome {
            produce: Flow {
                records,
                payload_bytes: records * 1000,
                requests: 1,
                seconds: 1.0,
            },
            ack_latency: Some(Latency {
                p50_us: 1000,
                p99_us: 2000,
                p99_9_us: 3000,
                ..Default::default()
            }),
            ..Outcome::of(&WorkloadOptions::default().resolve().unwrap())
        }
    }

    fn compare(b: u64) -> (Vec<(Side, usize)>, Comparison) {
        let mut order = Vec::new();
        let mut comparison = Comparison {
            workload: "w".into(),
            ..Comparison::default()
        };
        for round in 0..=6 {
            let added = comparison.add_round::<()>(round, &mut |side, round| {
                order.push((side, round));
                let noise = 10 * (order.len() as u64 % 5);
                Ok(outcome(if side == Side::A { 1000 } else { b } + noise))
            });
            added.unwrap();
        }
        (order, comparison)
    }

    fn produce(comparison: &Comparison) -> FigureComparison {
        let mut figures = comparison.figures(0.05, 0.0).into_iter();
        figures.find(|figure| figure.unit == "records/s").unwrap()
    }

    #[test]
    fn neither_side_is_always_first_and_the_warm_up_does_not_count() {
        let (order, comparison) = compare(1000);
        let first: Vec<Side> = order.iter().step_by(2).map(|(side, _)| *side).collect();
        assert_eq!(first.iter().filter(|side| **side == Side::A).count(), 4);
        assert_eq!((comparison.a.len(), comparison.b.len()), (6, 6));
    }

    #[test]
    fn a_difference_is_shown_where_there_is_one_and_not_where_there_is_none() {
        let twice = produce(&compare(2000).1);
        assert_eq!(twice.verdict, Verdict::Better);
        assert!((1.8..2.1).contains(&twice.ratio.unwrap().estimate));
        assert_eq!(
            produce(&compare(1000).1).verdict,
            Verdict::NoDifferenceShown
        );
    }

    #[test]
    fn a_schedule_that_slipped_voids_the_percentiles_of_its_pair_and_no_other() {
        let (_, mut comparison) = compare(1000);
        comparison.b[3].schedule = Some(Schedule {
            has_slipped: true,
            slip_us_max: 70_000,
            ..Default::default()
        });
        comparison.b[3].ack_latency = Some(Latency {
            p99_us: 900_000,
            ..Default::default()
        });
        let figures = comparison.figures(0.2, 0.0);
        let p99 = figures.iter().find(|figure| figure.name == "ack p99");
        let p99 = p99.unwrap();
        assert_eq!((p99.slipped_pairs, p99.b_median), (1, 2.0));
        assert_eq!(p99.ratio.unwrap().pairs, 5);
        assert_eq!(produce(&comparison).ratio.unwrap().pairs, 6);
        let slips = comparison.slips();
        assert_eq!((slips[0].0, slips[0].1), (4, Side::B));
        assert_eq!((slips.len(), slips[0].2.slip_us_max), (1, 70_000));
    }

    #[test]
    fn what_was_lost_is_a_fault_of_its_side() {
        let (_, mut comparison) = compare(1000);
        assert!(comparison.faults().is_empty());
        comparison.a[1].verification.lost = 3;
        let faults = comparison.faults();
        assert!(
            faults[0].starts_with('a') && faults[0].contains("3 records lost"),
            "{faults:?}"
        );
    }
}
