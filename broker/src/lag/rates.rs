//! How fast a counter grows, over one, five and fifteen minutes.
//!
//! Each is an average in which a sample weighs less by a factor of e for each window that it is
//! old, as in the load averages of Unix: three numbers instead of a history, and no cliff where a
//! sample leaves the window. Such averages begin at zero and would say too little for as long as
//! their window; what is missing is known, and is divided out, so that a steady counter shows its
//! rate from the second sample on.

use super::Windows;

/// The windows, in seconds.
const WINDOWS_S: Windows<f64> = Windows {
    one_minute: 60.0,
    five_minutes: 300.0,
    fifteen_minutes: 900.0,
};

/// An average, and how much of its weight it has by now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Decaying {
    sum: f64,
    weight: f64,
}

impl Decaying {
    fn add(self, per_s: f64, elapsed_s: f64, window_s: f64) -> Self {
        let kept = (-elapsed_s / window_s).exp();
        Self {
            sum: self.sum * kept + per_s * (1.0 - kept),
            weight: self.weight * kept + (1.0 - kept),
        }
    }

    fn per_s(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Sample {
    value: i64,
    /// By the monotonic clock, so that a step of the wall clock is no burst.
    steady_ms: i64,
}

/// The rates of one counter: an end offset, or a committed one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    last: Option<Sample>,
    averages: Windows<Decaying>,
}

impl Rates {
    /// Takes the counter's value. One that went back (a group that reads again from the
    /// beginning, a truncation) is a new beginning: nothing was consumed or produced by that.
    pub fn sample(&mut self, value: i64, steady_ms: i64) {
        let sample = Sample { value, steady_ms };
        let Some(last) = self.last.replace(sample) else {
            return;
        };
        let elapsed_ms = steady_ms.saturating_sub(last.steady_ms);
        if elapsed_ms <= 0 {
            self.last = Some(last);
            return;
        }
        let grown = value.saturating_sub(last.value).max(0);
        let elapsed_s = elapsed_ms as f64 / 1_000.0;
        let per_s = grown as f64 / elapsed_s;
        self.averages = self.averages.zip(WINDOWS_S, |average, window_s| {
            average.add(per_s, elapsed_s, window_s)
        });
    }

    /// In units of the counter per second; `None` before two samples.
    pub fn per_s(&self) -> Windows<Option<f64>> {
        self.averages.map(Decaying::per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_near(found: Option<f64>, wanted: f64) -> bool {
        found.is_some_and(|found| (found - wanted).abs() < 1e-9 * wanted.abs().max(1.0))
    }

    #[test]
    fn a_steady_counter_shows_its_rate_from_the_second_sample_on() {
        let mut rates = Rates::default();
        rates.sample(1_000, 0);
        assert_eq!(rates.per_s(), Windows::default());
        for step in 1..1_000 {
            rates.sample(1_000 + step * 50, step * 5_000);
            let per_s = rates.per_s();
            assert!(is_near(per_s.one_minute, 10.0));
            assert!(is_near(per_s.five_minutes, 10.0));
            assert!(is_near(per_s.fifteen_minutes, 10.0));
        }
    }

    /// By hand: 100/s for a long time, then nothing for a minute, leaves 100/e of the minute's.
    #[test]
    fn what_stopped_fades_with_its_window() {
        let mut rates = Rates::default();
        for step in 0..2_000 {
            rates.sample(step * 500, step * 5_000);
        }
        let end_ms = 1_999 * 5_000;
        for step in 1..=12 {
            rates.sample(1_999 * 500, end_ms + step * 5_000);
        }
        let per_s = rates.per_s();
        assert!(is_near(per_s.one_minute, 100.0 * (-1.0f64).exp()));
        let close = |found: Option<f64>, wanted: f64| (found.unwrap() - wanted).abs() < 0.01;
        assert!(close(per_s.five_minutes, 100.0 * (-0.2f64).exp()));
        assert!(close(per_s.fifteen_minutes, 100.0 * (-1.0f64 / 15.0).exp()));
    }

    #[test]
    fn samples_at_odd_times_are_as_good() {
        let mut rates = Rates::default();
        for at_ms in [0, 7, 5_000, 5_001, 61_000, 1_000_000] {
            rates.sample(at_ms / 100 * 100, at_ms);
        }
        let per_s = rates.per_s();
        assert!(per_s.one_minute.unwrap() > 990.0 && per_s.one_minute.unwrap() < 1_010.0);
    }

    #[test]
    fn a_counter_that_goes_back_consumes_nothing() {
        let mut rates = Rates::default();
        rates.sample(1_000_000, 0);
        rates.sample(0, 5_000);
        assert!(is_near(rates.per_s().one_minute, 0.0));
        rates.sample(50, 10_000);
        assert!(rates.per_s().one_minute.unwrap() > 4.0);
    }

    #[test]
    fn a_clock_that_stands_or_goes_back_is_no_burst() {
        let mut rates = Rates::default();
        rates.sample(0, 1_000);
        rates.sample(500, 1_000);
        rates.sample(700, 500);
        assert_eq!(rates.per_s(), Windows::default());
        rates.sample(1_000, 6_000);
        assert!(is_near(rates.per_s().one_minute, 200.0));
    }
}
