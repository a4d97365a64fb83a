//! From a ratio to a word.

use serde::{Deserialize, Serialize};

use super::paired::Ratio;
use crate::outcome::Better;

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// b is better than a, by more than the tolerance or, without one, at all.
    Better,
    Worse,
    /// The interval is narrow enough to say that there is no difference beyond the tolerance;
    /// without one: it contains 1.
    NoDifferenceShown,
    /// The interval is wide enough for both: a difference beyond the tolerance, and none.
    TooNoisy,
}

impl Verdict {
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifferenceShown => "no difference shown",
            Self::TooNoisy => "too noisy to tell",
        }
    }
}

/// What `ratio` (b / a) says about b when a difference of up to `tolerance` (0.05: 5%) does not
/// count.
///
/// Worse: the whole interval is beyond the tolerance on the bad side, or, for no tolerance,
/// beyond 1. Better: likewise on the good side. No difference shown: the bad end of the interval is
/// within the tolerance. Else it is too noisy to tell.
pub fn judge(ratio: &Ratio, better: Better, tolerance: f64) -> Verdict {
    let Some(interval) = ratio.interval else {
        return Verdict::TooNoisy;
    };
    // As though higher were better.
    let (low, high) = match better {
        Better::Higher => (interval.low, interval.high),
        Better::Lower => (1.0 / interval.high, 1.0 / interval.low),
    };
    let bound = 1.0 - tolerance;
    if high < bound {
        Verdict::Worse
    } else if low > 1.0 / bound {
        Verdict::Better
    } else if tolerance == 0.0 || low >= bound {
        Verdict::NoDifferenceShown
    } else {
        Verdict::TooNoisy
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Interval;

    fn ratio(low: f64, high: f64) -> Ratio {
        Ratio {
            estimate: (low * high).sqrt(),
            interval: Some(Interval { low, high }),
            pairs: 8,
        }
    }

    #[test]
    fn a_comparison_without_tolerance_asks_only_whether_one_is_in_between() {
        assert_eq!(
            judge(&ratio(1.1, 1.4), Better::Higher, 0.0),
            Verdict::Better
        );
        assert_eq!(judge(&ratio(1.1, 1.4), Better::Lower, 0.0), Verdict::Worse);
        assert_eq!(
            judge(&ratio(0.9, 1.1), Better::Lower, 0.0),
            Verdict::NoDifferenceShown
        );
    }

    #[test]
    fn a_gate_tells_a_wide_interval_from_no_difference() {
        assert_eq!(
            judge(&ratio(0.97, 1.02), Better::Higher, 0.05),
            Verdict::NoDifferenceShown
        );
        assert_eq!(
            judge(&ratio(0.85, 1.02), Better::Higher, 0.05),
            Verdict::TooNoisy
        );
        assert_eq!(
            judge(&ratio(0.85, 0.94), Better::Higher, 0.05),
            Verdict::Worse
        );
        assert_eq!(
            judge(&ratio(1.07, 1.2), Better::Lower, 0.05),
            Verdict::Worse
        );
        assert_eq!(
            judge(&ratio(0.97, 1.3), Better::Higher, 0.05),
            Verdict::NoDifferenceShown
        );
    }

    #[test]
    fn too_few_rounds_are_too_noisy() {
        let none = Ratio {
            interval: None,
            ..ratio(0.5, 0.6)
        };
        assert_eq!(judge(&none, Better::Higher, 0.05), Verdict::TooNoisy);
    }
}
