//! When to stop measuring, and with which verdict. Pure: measurements come from a closure, so that
//! tests can simulate machines.
//!
//! - *Worse by*: head / base where lower is better, base / head where higher is; 1.1 is 10% worse.
//! - A figure **regressed** if its interval is above 1 and its estimate beyond the tolerance:
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

/// Why no more rounds were run.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stopped {
    /// It was known, or the last look was taken.
    Decided,
    /// What is open would be so after the last look, too.
    Futile,
    OutOfTime,
}

#[derive(Clone, Debug)]
pub(super) struct Decision {
    pub verdict: Verdict,
    pub rounds: usize,
    pub stopped: Stopped,
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
            stopped: Stopped::Decided,
            confidence: 1.0 - 2.0 * self.alarm_chance(series.len()),
            figures,
        }
    }
}

/// All rounds so far.
pub(super) struct Measured {
    pub rounds: usize,
    pub series: Vec<Series>,
}

/// Measures until the verdict is no longer [`Verdict::TooNoisy`], until more rounds would not
/// change that, or until the last look has been taken. `measure` is told how many rounds there
/// should be by now; fewer mean that there is no more time, and are looked at instead.
pub(super) fn decide<E>(
    rules: &Rules,
    mut measure: impl FnMut(usize) -> Result<Measured, E>,
) -> Result<Decision, E> {
    let [first, second, last] = rules.looks;
    for wanted in [first, second, last] {
        let Measured { rounds, series } = measure(wanted)?;
        let mut decision = rules.look(rounds, &series);
        decision.stopped = if decision.verdict != Verdict::TooNoisy || wanted == last {
            Stopped::Decided
        } else if rounds < wanted {
            Stopped::OutOfTime
        } else if rules.is_futile(&decision, &series) {
            Stopped::Futile
        } else {
            continue;
        };
        if rounds < wanted {
            decision.stopped = Stopped::OutOfTime;
        }
        return Ok(decision);
    }
    unreachable!("the last look ends it");
}

impl Rules {
    /// Whether a figure is open now and would be after the last look: going by how its ratios
    /// scatter, its interval would be too wide to be clear even around no change at all, and too
    /// wide to be a regression around what was seen.
    fn is_futile(&self, decision: &Decision, series: &[Series]) -> bool {
        let [.., last] = self.looks;
        let looks = self.looks.len() as f64;
        let is_hopeless = |(figure, series): (&Judged, &Series)| {
            let scatter = scatter(series) / HOPE;
            let half = |chance| normal_quantile(chance) * scatter / (last as f64).sqrt();
            let by = figure.worse_by.unwrap_or(1.0);
            let may_be_clear = half(self.missed / looks) < (2.0 * self.tolerance).ln_1p();
            let may_regress = by > 1.0 + self.tolerance
                && by.ln() > half(self.alarm_chance(decision.figures.len()));
            is_awaited(figure) && !may_be_clear && !may_regress
        };
        decision.figures.iter().zip(series).any(is_hopeless)
    }

    /// Before anything is measured: by how much the ratios of rounds may scatter (standard
    /// deviation) so that a slowdown of `effect` raises the alarm in so many rounds, all but
    /// `missed` of the times. Found by trying it out on drawn rounds.
    pub fn scatter_max(&self, rounds: usize, effect: f64, figures: usize) -> f64 {
        let is_seen = |scatter: f64| {
            let mut random = fastrand::Rng::with_seed(1);
            let caught = (0..POWER_TRIALS).filter(|_| {
                // Twelve uniform draws make a bell of width 1.
                let mut bell = || (0..12).map(|_| random.f64()).sum::<f64>() - 6.0;
                let head = (0..rounds).map(|_| (1.0 + effect) * (scatter * bell()).exp());
                let series = Series {
                    workload: String::new(),
                    name: String::new(),
                    unit: String::new(),
                    better: Better::Lower,
                    base: vec![1.0; rounds],
                    head: head.collect(),
                    may_stay_open: false,
                };
                self.judge(&series, figures).finding == Finding::Regressed
            });
            caught.count() as f64 >= POWER_TRIALS as f64 * (1.0 - self.missed)
        };
        let (mut seen, mut unseen) = (0.0, 1.0);
        for _ in 0..POWER_STEPS {
            let middle = f64::midpoint(seen, unseen);
            if is_seen(middle) {
                seen = middle;
            } else {
                unseen = middle;
            }
        }
        seen
    }
}

/// Drawn gates, and halvings of the interval in which the answer is.
const POWER_TRIALS: usize = 60;
const POWER_STEPS: usize = 7;

/// A scatter that was estimated from some rounds may be too large by this factor: what is given up
/// must be hopeless all the same.
const HOPE: f64 = 1.3;

/// How the logarithms of the ratios scatter (standard deviation), by the median distance from their
/// median, which stalls do not move.
fn scatter(series: &Series) -> f64 {
    let pairs = series.base.iter().zip(&series.head);
    let logs: Vec<f64> = pairs.map(|(base, head)| (head / base).ln()).collect();
    let middle = median(&logs);
    let distances: Vec<f64> = logs.iter().map(|log| (log - middle).abs()).collect();
    // Of normal values: the standard deviation over that distance.
    1.4826 * median(&distances)
}

fn is_awaited(figure: &Judged) -> bool {
    figure.finding == Finding::Open && !figure.may_stay_open
}

/// How many standard deviations lie above the mean for a chance of `above` to be beyond them:
/// Hastings' approximation (Abramowitz and Stegun 26.2.23), to three digits.
fn normal_quantile(above: f64) -> f64 {
    let t = (-2.0 * above.ln()).sqrt();
    let over = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    t - over / below
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
                Ok(Measured {
                    rounds,
                    series: series.clone(),
                })
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
    fn what_noise_will_hide_for_good_is_given_up_early() {
        let random = fastrand::Rng::with_seed(3);
        let mut machine = Machine {
            random,
            noise: 0.6,
            stalls: 0.2,
        };
        let decision = machine.gate(1.0);
        assert_eq!(decision.verdict, Verdict::TooNoisy);
        assert_eq!((decision.stopped, decision.rounds), (Stopped::Futile, 12));
    }

    #[test]
    fn rounds_that_time_has_cut_short_are_looked_at() {
        let series = |rounds: usize, factor: f64| Series {
            workload: "w".into(),
            name: "broker CPU".into(),
            unit: "s/GB".into(),
            better: Better::Lower,
            base: (0..rounds).map(|n| 1.0 + 0.001 * n as f64).collect(),
            head: vec![factor; rounds],
            may_stay_open: false,
        };
        let decided = |factor: f64| {
            let measured = |_| -> Result<_, ()> {
                Ok(Measured {
                    rounds: 14,
                    series: vec![series(14, factor)],
                })
            };
            let rules = Rules {
                looks: [16, 20, 30],
                ..RULES
            };
            let decision = decide(&rules, measured).unwrap();
            (decision.verdict, decision.stopped, decision.rounds)
        };
        assert_eq!(decided(1.3), (Verdict::Regression, Stopped::OutOfTime, 14));
        assert_eq!(
            decided(1.0),
            (Verdict::NoRegressionShown, Stopped::OutOfTime, 14)
        );
    }

    #[test]
    fn the_power_that_is_stated_is_had_and_grows_with_the_rounds() {
        assert!((normal_quantile(0.025) - 1.96).abs() < 0.001);
        let power = RULES.looks.map(|rounds| RULES.scatter_max(rounds, 0.1, 9));
        assert!(power[0] < power[1] && power[1] < power[2], "{power:?}");
        // A tenth with a scatter of 3% was caught in every simulated gate; see above.
        assert!(power[0] > 0.02 && power[2] < 0.15, "{power:?}");
        assert!(RULES.scatter_max(30, 0.2, 9) > power[2]);
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
