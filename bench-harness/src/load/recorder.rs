//! Latencies and counts, kept by one thread and added up at the end.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::outcome::Latency;

/// Larger latencies are recorded as this one, in µs: an hour.
const LATENCY_US_MAX: u64 = 3_600_000_000;

/// Points of the curve that a plot gets, for each halving of the distance to 100%.
const CURVE_TICKS_PER_HALF: u32 = 4;

/// A distribution in µs, with three significant digits.
#[derive(Clone)]
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn record_ns(&mut self, ns: u64, count: u64) {
        self.0.saturating_record_n(ns / 1000, count);
    }

    pub fn add(&mut self, other: &Self) {
        self.0 += &other.0;
    }

    /// `None` if nothing was recorded.
    pub fn summary(&self) -> Option<Latency> {
        let histogram = &self.0;
        if histogram.is_empty() {
            return None;
        }
        let curve = histogram
            .iter_quantiles(CURVE_TICKS_PER_HALF)
            .map(|step| (step.percentile(), step.value_iterated_to()));
        Some(Latency {
            count: histogram.len(),
            mean_us: histogram.mean(),
            min_us: histogram.min(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p99_9_us: histogram.value_at_quantile(0.999),
            p99_99_us: histogram.value_at_quantile(0.9999),
            max_us: histogram.max(),
            curve: curve.collect(),
        })
    }
}

impl Default for Latencies {
    fn default() -> Self {
        let histogram = Histogram::new_with_bounds(1, LATENCY_US_MAX, 3);
        Self(histogram.unwrap_or_else(|error| unreachable!("fixed bounds are valid: {error}")))
    }
}

/// What a thread saw of one direction.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    pub latencies: Latencies,
    /// When the last record was through, in ns of the run's clock.
    pub last_ns: u64,
    pub errors: BTreeMap<String, u64>,
    /// Records of an open loop that were made in the measured time, how many of them were handed
    /// over late, how late, in ns, and how many were never made.
    pub made: u64,
    pub slipped: u64,
    pub unsent: u64,
    pub slip_ns_max: u64,
}

impl Recorder {
    pub(super) fn error(&mut self, name: String) {
        *self.errors.entry(name).or_default() += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.latencies.add(&other.latencies);
        self.last_ns = self.last_ns.max(other.last_ns);
        for (name, count) in &other.errors {
            *self.errors.entry(name.clone()).or_default() += count;
        }
        self.made += other.made;
        self.slipped += other.slipped;
        self.unsent += other.unsent;
        self.slip_ns_max = self.slip_ns_max.max(other.slip_ns_max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_charged_to_every_record_that_it_delayed() {
        let mut latencies = Latencies::default();
        latencies.record_ns(1_000_000, 980);
        latencies.record_ns(500_000_000, 20);
        let summary = latencies.summary().unwrap();
        assert_eq!(summary.p50_us, 1000);
        assert!(
            (499_000..=501_000).contains(&summary.p99_us),
            "{}",
            summary.p99_us
        );
        assert_eq!(summary.count, 1000);
        assert!(summary.curve.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    }

    #[test]
    fn nothing_recorded_has_no_summary_and_sums_keep_the_largest() {
        assert!(Latencies::default().summary().is_none());
        let mut sum = Recorder::default();
        let mut part = Recorder::default();
        part.latencies.record_ns(7_000_000, 2);
        part.last_ns = 9;
        part.error("X".into());
        sum.add(&part);
        sum.add(&part);
        assert_eq!((sum.last_ns, sum.errors["X"]), (9, 2));
        assert_eq!(sum.latencies.summary().unwrap().count, 4);
    }
}
