//! When to stop measuring, and with which verdict. Pure: measurements come from a closure, so that
//! tests can simulate machines.
//!
//! - *Worse by*: head / base where lower is better, base / head where higher is; 1.1 is 10% worse.
//! - A figure **regressed** if its interval lies above 1 and its estimate beyond the tolerance:
//!   surely worse, and by more than is tolerated as far as anyone can know.
//! - A figure is **clear** if its interval ends below twice the tolerance: a change of that size
//!   would have been seen.
//! - Else it is **open**, and more rounds are measured until the last look.
//!
//! The interval of the first rule is shared out: over all figures and all looks together, equal
//! sides raise an alarm with a probability of at most `false_alarms` (Bonferroni; figures depend on
//! each other, and it holds nevertheless). That of the second is shared out over the looks only:
//! `missed` is a promise about each figure.

use serde::{Deserialize, Serialize};

use crate::outcome::Better;
use crate::stats::{Interval, Ratio, median};

/// What is tolerated, how often the gate may be wrong, and when it looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    /// 0.05: 5%.
    pub tolerance: f64,
    /// The chance of an alarm when head and base are equal, over all figures and looks together.
    pub false_alarms: f64,
    /// The chance that a figure that is worse by twice the tolerance is called clear.
    pub missed: f64,
    /// After so many rounds, rising; the last number is the most.
    pub looks: [usize; 3],
}

/// The values of one figure, round by round.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Series {
    pub workload: String,
    pub name: String,
    pub unit: String,
    pub better: Better,
    pub base: Vec<f64>,
    pub head: Vec<f64>,
    /// It may raise an alarm, but the gate does not go on measuring until it is clear: the tail of
    /// a latency hardly ever is.
    pub may_stay_open: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Finding {
    Regressed,
    Clear,
    Open,
}

/// What is known of one figure.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Judged {
    pub workload: String,
    pub name: String,
    pub unit: String,
    pub better: Better,
    pub base_median: f64,
    pub head_median: f64,
    /// See above; `None` if no pair of values could be compared.
    pub worse_by: Option<f64>,
    /// With the confidence that an alarm needs. `None`: there are too few rounds for that.
    pub interval: Option<Interval>,
    pub finding: Finding,
    pub may_stay_open: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    NoRegressionShown,
    Regression,
    TooNoisy,
}

#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub verdict: Verdict,
    pub rounds: usize,
    pub figures: Vec<Judged>,
    /// Of the intervals, 0 to 1.
    pub confidence: f64,
}

impl Rules {
    /// The chance of a false alarm that one figure has at one look.
    fn alarm_chance(&self, figures: usize) -> f64 {
        self.false_alarms / (figures.max(1) * self.looks.len()) as f64
    }

    fn judge(&self, series: &Series, figures: usize) -> Judged {
        let (below, above) = match series.better {
            Better::Lower => (&series.base, &series.head),
            Better::Higher => (&series.head, &series.base),
        };
        // Each end of an interval misses with half of its chance, and each rule asks about one end.
        let alarm = Ratio::of(below, above, 2.0 * self.alarm_chance(figures));
        let missed = 2.0 * self.missed / self.looks.len() as f64;
        let clear = Ratio::of(below, above, missed);
        let interval = alarm.and_then(|ratio| ratio.interval);
        let worse_by = alarm.map(|ratio| ratio.estimate);
        let is_surely_worse = interval.is_some_and(|interval| interval.low > 1.0);
        let is_intolerable = worse_by.is_some_and(|by| by > 1.0 + self.tolerance);
        let would_have_been_seen = |high: f64| high < 1.0 + 2.0 * self.tolerance;
        let end = clear.and_then(|ratio| ratio.interval);
        let finding = if is_surely_worse && is_intolerable {
            Finding::Regressed
        } else if end.is_some_and(|end| would_have_been_seen(end.high)) {
            Finding::Clear
        } else {
            Finding::Open
        };
        Judged {
            workload: series.workload.clone(),
            name: series.name.clone(),
            unit: series.unit.clone(),
            better: series.better,
            base_median: median(&series.base),
            head_median: median(&series.head),
            worse_by,
            interval,
            finding,
            may_stay_open: series.may_stay_open,
        }
    }

    fn look(&self, rounds: usize, series: &[Series]) -> Decision {
        let judge = |one| self.judge(one, series.len());
        let figures: Vec<Judged> = series.iter().map(judge).collect();
        let is_awaited = |figure: &Judged| figure.finding == Finding::Open && !figure.may_stay_open;
        let verdict = if figures.iter().any(|one| one.finding == Finding::Regressed) {
            Verdict::Regression
        } else if figures.is_empty() || figures.iter().any(is_awaited) {
            Verdict::TooNoisy
        } else {
            Verdict::NoRegressionShown
        };
        Decision {
            verdict,
            rounds,
            confidence: 1.0 - 2.0 * self.alarm_chance(series.len()),
            figures,
        }
    }
}

/// Measures until the verdict is no longer [`Verdict::TooNoisy`], or the last look has been taken.
/// `measure` is told how many rounds there should be by now, and gives the values of all of them.
pub(super) fn decide<E>(
    rules: &Rules,
    mut measure: impl FnMut(usize) -> Result<Vec<Series>, E>,
) -> Result<Decision, E> {
    let [first, second, last] = rules.looks;
    for rounds in [first, second] {
        let decision = rules.look(rounds, &measure(rounds)?);
        if decision.verdict != Verdict::TooNoisy {
            return Ok(decision);
        }
    }
    Ok(rules.look(last, &measure(last)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::rounds_needed;

    const RULES: Rules = Rules {
        tolerance: 0.05,
        false_alarms: 0.01,
        missed: 0.05,
        looks: [12, 20, 30],
    };

    /// A machine whose runs scatter by `noise` (relative), whose rounds drift, and that stalls now
    /// and then.
    struct Machine {
        random: fastrand::Rng,
        noise: f64,
        stalls: f64,
    }

    impl Machine {
        fn scatter(&mut self) -> f64 {
            // Twelve uniform draws make a bell of width 1.
            let bell = (0..12).map(|_| self.random.f64()).sum::<f64>() - 6.0;
            let stall = if self.random.f64() < self.stalls {
                self.random.f64() * 0.7
            } else {
                0.0
            };
            (self.noise * bell).exp() * (1.0 + stall)
        }

        /// Nine figures, of which the first costs `factor` times as much on the head, and a rate
        /// that falls accordingly.
        fn gate(&mut self, factor: f64) -> Decision {
            let mut series: Vec<Series> = (0..9)
                .map(|index| Series {
                    workload: format!("w{}", index / 3),
                    name: format!("figure {index}"),
                    unit: "s".into(),
                    better: if index == 1 {
                        Better::Higher
                    } else {
                        Better::Lower
                    },
                    base: Vec::new(),
                    head: Vec::new(),
                    may_stay_open: false,
                })
                .collect();
            decide::<()>(&RULES, |rounds| {
                while series[0].base.len() < rounds {
                    let drift = 1.0 + 0.3 * self.random.f64();
                    for (index, one) in series.iter_mut().enumerate() {
                        let planted = [factor, 1.0 / factor].get(index).copied().unwrap_or(1.0);
                        one.base.push(100.0 * drift * self.scatter());
                        one.head.push(100.0 * drift * planted * self.scatter());
                    }
                }
                Ok(series.clone())
            })
            .unwrap()
        }
    }

    fn gates(count: u64, noise: f64, stalls: f64, factor: f64) -> [usize; 3] {
        let mut verdicts = [0; 3];
        for seed in 0..count {
            let random = fastrand::Rng::with_seed(seed);
            let mut machine = Machine {
                random,
                noise,
                stalls,
            };
            verdicts[machine.gate(factor).verdict as usize] += 1;
        }
        verdicts
    }

    #[test]
    fn a_thousand_equal_pairs_raise_no_more_alarms_than_promised() {
        for (count, noise, stalls) in [(1000, 0.05, 0.1), (100, 0.3, 0.2)] {
            let [_, alarms, _] = gates(count, noise, stalls, 1.0);
            assert!(alarms <= count as usize / 100, "{alarms} at {noise}");
        }
    }

    #[test]
    fn equal_sides_pass_on_an_ordinary_machine() {
        for (noise, at_least) in [(0.03, 100), (0.05, 95), (0.08, 75)] {
            let [passed, ..] = gates(100, noise, 0.0, 1.0);
            assert!(passed >= at_least, "{passed} at {noise}");
        }
    }

    #[test]
    fn a_tenth_more_is_caught_and_never_passed_as_clear() {
        for (noise, at_least) in [(0.03, 100), (0.05, 98), (0.08, 80)] {
            let [passed, caught, _] = gates(100, noise, 0.02, 1.11);
            assert!(caught >= at_least, "{caught} caught at {noise}");
            assert!(passed <= 2, "{passed} passed at {noise}");
        }
    }

    #[test]
    fn a_machine_with_heavy_noise_is_told_so() {
        let [passed, alarms, noisy] = gates(100, 0.5, 0.2, 1.0);
        assert!(noisy >= 98, "{passed} {alarms} {noisy}");
    }

    #[test]
    fn an_improvement_is_no_regression() {
        let [passed, alarms, _] = gates(50, 0.03, 0.0, 0.7);
        assert_eq!((passed, alarms), (50, 0));
    }

    #[test]
    fn a_quiet_machine_needs_the_first_look_only() {
        let random = fastrand::Rng::with_seed(3);
        let mut machine = Machine {
            random,
            noise: 0.01,
            stalls: 0.0,
        };
        assert_eq!(machine.gate(1.0).rounds, 12);
        assert_eq!(machine.gate(1.5).rounds, 12);
    }

    #[test]
    fn the_first_look_has_rounds_enough_for_an_alarm() {
        let ours = 2.0 * RULES.alarm_chance(10);
        assert!(rounds_needed(ours) <= RULES.looks[0]);
        // What the command allows at least, with as many workloads as anyone would wait for.
        let many = 2.0 * RULES.alarm_chance(200);
        assert!(rounds_needed(many) <= 16);
    }

    #[test]
    fn the_tail_of_a_latency_may_stay_open_but_not_regress() {
        let tail = |factor: f64| {
            let random = &mut fastrand::Rng::with_seed(5);
            let mut values = |factor: f64| (0..12).map(|_| factor * (1.0 + random.f64())).collect();
            Series {
                workload: "w".into(),
                name: "ack p99".into(),
                unit: "ms".into(),
                better: Better::Lower,
                base: values(1.0),
                head: values(factor),
                may_stay_open: true,
            }
        };
        assert_eq!(
            RULES.look(12, &[tail(1.0)]).verdict,
            Verdict::NoRegressionShown
        );
        assert_eq!(RULES.look(12, &[tail(3.0)]).verdict, Verdict::Regression);
    }

    #[test]
    fn nothing_measured_is_not_passed() {
        assert_eq!(RULES.look(12, &[]).verdict, Verdict::TooNoisy);
    }
}
