//! The ratio of paired measurements: the Hodges–Lehmann estimate of the log ratio with the
//! confidence interval that belongs to Wilcoxon's signed-rank test. Outliers move it little, and no
//! shape of the noise is assumed.
//!
//! The interval: all means of two log ratios (each with itself too), sorted, are the candidates;
//! the test's null distribution, counted exactly, says how many to leave out at each end.

use serde::{Deserialize, Serialize};

/// Beyond this many pairs the exact distribution is not counted; a comparison has far fewer.
const PAIRS_MAX: usize = 60;

/// The middle of the values; 0 without any.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// Where a ratio is with the stated confidence.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// b / a over pairs of runs.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Ratio {
    pub estimate: f64,
    /// `None`: with so few pairs nothing can be said with that confidence.
    pub interval: Option<Interval>,
    pub pairs: usize,
}

impl Ratio {
    /// The ratio of `b` to `a`, pair by pair, with an interval that misses it with a probability of
    /// at most `alpha`. Pairs in which one value is not above zero are left out. `None` if no pair
    /// is left.
    pub fn of(a: &[f64], b: &[f64], alpha: f64) -> Option<Self> {
        let is_usable = |value: f64| value > 0.0 && value.is_finite();
        let logs: Vec<f64> = a
            .iter()
            .zip(b)
            .filter(|(a, b)| is_usable(**a) && is_usable(**b))
            .map(|(a, b)| (b / a).ln())
            .take(PAIRS_MAX)
            .collect();
        if logs.is_empty() {
            return None;
        }
        let mut means = Vec::with_capacity(logs.len() * (logs.len() + 1) / 2);
        for (index, first) in logs.iter().enumerate() {
            means.extend(
                logs[index..]
                    .iter()
                    .map(|second| f64::midpoint(*first, *second)),
            );
        }
        means.sort_by(f64::total_cmp);
        let interval = left_out(logs.len(), alpha).map(|count| Interval {
            low: means[count].exp(),
            high: means[means.len() - 1 - count].exp(),
        });
        Some(Self {
            estimate: median(&means).exp(),
            interval,
            pairs: logs.len(),
        })
    }
}

/// The fewest pairs with which an interval of this confidence exists.
#[cfg(test)]
pub fn rounds_needed(alpha: f64) -> usize {
    (1..=PAIRS_MAX)
        .find(|pairs| left_out(*pairs, alpha).is_some())
        .unwrap_or(PAIRS_MAX)
}

/// How many of the sorted means the interval leaves out at each end: the largest count with P(rank
/// sum < count) ≤ alpha / 2.
fn left_out(pairs: usize, alpha: f64) -> Option<usize> {
    let probabilities = rank_sum_probabilities(pairs);
    let mut below = 0.0;
    let mut count = None;
    for (sum, probability) in probabilities.iter().enumerate() {
        below += probability;
        if below > alpha / 2.0 {
            break;
        }
        count = Some(sum);
    }
    count
}

/// The chance of each value of Wilcoxon's signed-rank statistic when neither side is better: the
/// sum of those ranks, 1 to `pairs`, whose coin shows heads.
fn rank_sum_probabilities(pairs: usize) -> Vec<f64> {
    let mut chances = vec![0.0; pairs * (pairs + 1) / 2 + 1];
    chances[0] = 1.0;
    for rank in 1..=pairs {
        for sum in (0..chances.len()).rev() {
            let with = if sum >= rank {
                chances[sum - rank]
            } else {
                0.0
            };
            chances[sum] = f64::midpoint(chances[sum], with);
        }
    }
    chances
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_sum_of_three_pairs_is_counted_by_hand() {
        // Of eight outcomes: 0, 1, 2, 3 twice, 4, 5, 6.
        let expected = [1.0, 1.0, 1.0, 2.0, 1.0, 1.0, 1.0].map(|count| count / 8.0);
        assert_eq!(rank_sum_probabilities(3), expected);
    }

    #[test]
    fn six_pairs_are_needed_for_95_percent_and_eight_for_99() {
        // All of n pairs on one side has the chance 2 / 2^n.
        assert_eq!(rounds_needed(0.05), 6);
        assert_eq!(rounds_needed(0.01), 8);
        let five = Ratio::of(&[1.0; 5], &[2.0; 5], 0.05).unwrap();
        assert_eq!((five.interval, five.pairs), (None, 5));
    }

    #[test]
    fn one_outlier_of_eight_moves_the_ratio_little() {
        let a = [100.0; 8];
        let b = [110.0, 111.0, 109.0, 110.0, 112.0, 108.0, 110.0, 10.0];
        let ratio = Ratio::of(&a, &b, 0.05).unwrap();
        assert!((1.08..1.11).contains(&ratio.estimate), "{ratio:?}");
    }

    #[test]
    fn swapping_the_sides_turns_the_ratio_over() {
        let a = [3.0, 2.5, 3.5, 2.0, 3.1, 2.9, 3.3];
        let b = [2.0, 2.6, 2.2, 2.1, 2.9, 2.4, 2.7];
        let (ab, ba) = (
            Ratio::of(&a, &b, 0.05).unwrap(),
            Ratio::of(&b, &a, 0.05).unwrap(),
        );
        let (ab_interval, ba_interval) = (ab.interval.unwrap(), ba.interval.unwrap());
        for (one, other) in [
            (ab.estimate, ba.estimate),
            (ab_interval.low, ba_interval.high),
            (ab_interval.high, ba_interval.low),
        ] {
            assert!((one * other - 1.0).abs() < 1e-9, "{one} {other}");
        }
    }

    /// Noise with heavy tails: mostly 3%, now and then a run at half the speed.
    fn noisy(random: &mut fastrand::Rng) -> f64 {
        let stall = if random.f64() < 0.15 {
            0.5 + 0.5 * random.f64()
        } else {
            1.0
        };
        let sum: f64 = (0..6).map(|_| random.f64() - 0.5).sum();
        stall * (1.0 + 0.03 * sum)
    }

    #[test]
    fn the_interval_misses_the_truth_as_seldom_as_it_says() {
        let mut random = fastrand::Rng::with_seed(7);
        let misses = (0..2000).filter(|_| {
            let a: Vec<f64> = (0..8).map(|_| 100.0 * noisy(&mut random)).collect();
            let b: Vec<f64> = (0..8).map(|_| 130.0 * noisy(&mut random)).collect();
            let interval = Ratio::of(&a, &b, 0.05).unwrap().interval.unwrap();
            !(interval.low..=interval.high).contains(&1.3)
        });
        let share = misses.count() as f64 / 2000.0;
        assert!(share <= 0.06, "{share}");
    }
}
