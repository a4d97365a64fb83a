//! When a warm-up is over: no sooner than it was told, and not while the load still gets faster or
//! slower, but after a bounded time in any case.
//!
//! The test: the last warm-up is cut into [`SLICES`], and a line is laid through what they show,
//! by the median of the slopes between any two of them (Theil and Sen), which a single stalled
//! slice does not move. The load is steady when the line rises or falls by at most [`DRIFT_MAX`]
//! over all of them. A closed loop shows its rate; an open loop, whose rate is given, its latency.

use std::collections::VecDeque;

use super::control::Count;
use crate::outcome::WarmUp;
use crate::stats::median;
use crate::workload::Workload;

const SLICES: usize = 10;

/// A share of the median.
const DRIFT_MAX: f64 = 0.1;

pub(super) struct Steady {
    begin_ns: u64,
    warm_up_ns: u64,
    warm_up_max_ns: u64,
    is_paced: bool,
    slice_from: (u64, Count),
    slices: VecDeque<f64>,
}

impl Steady {
    pub(super) fn new(workload: &Workload, begin_ns: u64) -> Self {
        Self {
            begin_ns,
            warm_up_ns: workload.warm_up.0.as_nanos() as u64,
            warm_up_max_ns: workload.warm_up_max.0.as_nanos() as u64,
            is_paced: workload.rate.is_some(),
            slice_from: (begin_ns, Count::default()),
            slices: VecDeque::with_capacity(SLICES),
        }
    }

    /// When it wants to look next.
    pub(super) fn next_look_ns(&self) -> u64 {
        self.slice_from.0 + self.warm_up_ns / SLICES as u64
    }

    /// `Some` when the warm-up is over; `acked` is what was acknowledged since the run began.
    pub(super) fn look(&mut self, now_ns: u64, acked: Count) -> Option<WarmUp> {
        if now_ns < self.next_look_ns() {
            return None;
        }
        let (from_ns, before) = std::mem::replace(&mut self.slice_from, (now_ns, acked));
        let records = (acked.records - before.records) as f64;
        if self.slices.len() == SLICES {
            self.slices.pop_front();
        }
        self.slices.push_back(if self.is_paced {
            (acked.latency_us - before.latency_us) as f64 / records.max(1.0)
        } else {
            records * 1e9 / (now_ns - from_ns).max(1) as f64
        });
        let drift = drift(self.slices.make_contiguous());
        let is_steady = self.slices.len() == SLICES && drift.abs() <= DRIFT_MAX;
        let waited_ns = now_ns - self.begin_ns;
        // The last slice ends where the warm-up does, but for rounding.
        let is_long_enough = waited_ns + SLICES as u64 >= self.warm_up_ns;
        let is_over = waited_ns >= self.warm_up_max_ns.max(self.warm_up_ns);
        (is_over || is_long_enough && is_steady).then_some(WarmUp {
            seconds: waited_ns as f64 / 1e9,
            is_steady,
            drift,
        })
    }
}

/// By which share of their median the values rise from the first to the last.
fn drift(values: &[f64]) -> f64 {
    let mut slopes = Vec::with_capacity(values.len() * values.len() / 2);
    for (first, low) in values.iter().enumerate() {
        let later = values.iter().enumerate().skip(first + 1);
        slopes.extend(later.map(|(second, high)| (high - low) / (second - first) as f64));
    }
    let middle = median(values);
    // Nothing at all is acknowledged: that is no steady state.
    if middle <= 0.0 {
        return 1.0;
    }
    median(&slopes) * values.len().saturating_sub(1) as f64 / middle
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::workload::WorkloadOptions;

    const SECOND: u64 = 1_000_000_000;

    /// How the warm-up of a load ends that runs at `rate(seconds)`.
    fn warm_up(more: &str, rate: impl Fn(f64) -> f64, latency_us: impl Fn(f64) -> f64) -> WarmUp {
        let text = format!("warm-up = \"2s\"\nwarm-up-max = \"20s\"\n{more}");
        let options: WorkloadOptions = toml::from_str(&text).unwrap();
        let mut steady = Steady::new(&options.resolve().unwrap(), 7 * SECOND);
        let (mut acked, mut now) = (Count::default(), 7 * SECOND);
        loop {
            now += SECOND / 100;
            let seconds = (now - 7 * SECOND) as f64 / 1e9;
            let records = rate(seconds) / 100.0;
            acked.records += records as u64;
            acked.latency_us += (records * latency_us(seconds)) as u64;
            if let Some(ended) = steady.look(now, acked) {
                return ended;
            }
        }
    }

    #[test]
    fn a_steady_load_is_warm_after_the_time_that_was_asked_for() {
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<f64> = (0..5000).map(|_| random.f64()).collect();
        let noisy = |seconds: f64| 50_000.0 * (0.9 + 0.2 * noise[(seconds * 100.0) as usize]);
        let ended = warm_up("", noisy, |_| 1.0);
        assert!(ended.is_steady && ended.seconds < 2.1, "{ended:?}");
    }

    #[test]
    fn a_virtual_machine_that_compiles_itself_is_waited_for() {
        // From 20,000 to 80,000 records/s within 8 s.
        let ended = warm_up("", |s| 20_000.0 + 60_000.0 * (s / 8.0).min(1.0), |_| 1.0);
        assert!(ended.is_steady && ended.seconds > 7.0, "{ended:?}");
        assert!(ended.seconds < 11.0, "{ended:?}");
    }

    #[test]
    fn what_never_settles_is_measured_all_the_same_and_said() {
        let ended = warm_up("", |s| 10_000.0 * 1.1_f64.powf(s), |_| 1.0);
        assert!(!ended.is_steady && ended.seconds >= 20.0, "{ended:?}");
        assert!(ended.seconds < 20.3 && ended.drift > 0.1, "{ended:?}");
        assert!(!warm_up("", |_| 0.0, |_| 1.0).is_steady);
    }

    #[test]
    fn an_open_loop_is_warm_when_its_latency_is() {
        let falling = |s: f64| 900.0 - 100.0 * s.min(8.0);
        let ended = warm_up("rate = 1000.0", |_| 1000.0, falling);
        assert!(ended.is_steady && ended.seconds > 7.0, "{ended:?}");
    }

    #[test]
    fn one_stall_is_no_drift() {
        let mut values = [100.0; SLICES];
        values[SLICES - 1] = 10.0;
        assert_eq!(drift(&values), 0.0);
        let rising: Vec<f64> = (0..10).map(|n| 100.0 + f64::from(n)).collect();
        assert!((drift(&rising) - 9.0 / 104.5).abs() < 1e-9);
    }
}
