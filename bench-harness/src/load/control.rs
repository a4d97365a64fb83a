//! What the threads of a run share: when it is measured, when it ends, how far it is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::clock::now_ns;
use crate::workload::Workload;

/// Where in all topics of a run a partition is: topic by topic, partition by partition.
pub(super) type Slot = usize;

/// How far beyond its end an open loop may be before it gives up, in ns.
const OVERDUE_NS: u64 = 1_000_000_000;

/// Counts what has gone through, for all threads of a run. Who samples it twice knows exactly what
/// went through in between.
#[derive(Default)]
pub(super) struct Counter {
    records: AtomicU64,
    payload_bytes: AtomicU64,
    requests: AtomicU64,
    /// Of all records together; ends of latencies, not their distribution.
    latency_us: AtomicU64,
}

/// A [`Counter`] at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub records: u64,
    pub payload_bytes: u64,
    pub requests: u64,
    pub latency_us: u64,
}

impl Counter {
    pub(super) fn add(&self, count: Count) {
        self.records.fetch_add(count.records, Ordering::Relaxed);
        self.payload_bytes
            .fetch_add(count.payload_bytes, Ordering::Relaxed);
        self.requests.fetch_add(count.requests, Ordering::Relaxed);
        self.latency_us
            .fetch_add(count.latency_us, Ordering::Relaxed);
    }

    pub(super) fn now(&self) -> Count {
        Count {
            records: self.records.load(Ordering::Relaxed),
            payload_bytes: self.payload_bytes.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            latency_us: self.latency_us.load(Ordering::Relaxed),
        }
    }
}

pub(super) struct Control {
    pub workload: Workload,
    /// Names this run in the stamps of its records.
    pub run: u32,
    /// When producers may begin, when the warm-up is over and when producing ends, in ns of the
    /// run's clock.
    pub begin_ns: AtomicU64,
    pub measured_from_ns: AtomicU64,
    pub until_ns: AtomicU64,
    /// Records that may still be made after the warm-up, of a run that is bounded by their number.
    quota: AtomicI64,
    stopped: AtomicBool,
    /// What was acknowledged, and what consumers have seen, since the run began.
    pub acked: Counter,
    pub consumed: Counter,
    /// The end of each partition, once producers are through.
    pub ends: OnceLock<Vec<i64>>,
}

impl Control {
    pub(super) fn new(workload: &Workload, run: u32) -> Self {
        Self {
            workload: workload.clone(),
            run,
            begin_ns: AtomicU64::new(0),
            measured_from_ns: AtomicU64::new(u64::MAX),
            until_ns: AtomicU64::new(u64::MAX),
            quota: AtomicI64::new(
                workload
                    .records
                    .map_or(i64::MAX, |count| count.min(1 << 60) as i64),
            ),
            stopped: AtomicBool::new(false),
            acked: Counter::default(),
            consumed: Counter::default(),
            ends: OnceLock::new(),
        }
    }

    /// Producers may make records from now on. Without a warm-up they are measured at once.
    pub(super) fn begin(&self) {
        let begin = now_ns();
        self.begin_ns.store(begin, Ordering::Release);
        if self.workload.warm_up.0.is_zero() {
            self.measure_from(begin);
        }
    }

    /// The warm-up is over.
    pub(super) fn measure_from(&self, ns: u64) {
        let end = ns.saturating_add(self.workload.duration.0.as_nanos() as u64);
        // A schedule names its last record. A closed loop goes on until its end has been looked
        // at, so that the window is under load as a whole.
        if self.workload.rate.is_some() && self.workload.records.is_none() {
            self.until_ns.store(end, Ordering::Release);
        }
        self.measured_from_ns.store(ns, Ordering::Release);
    }

    /// When the measured time of a run that is bounded by time is over.
    pub(super) fn window_ends_ns(&self) -> Option<u64> {
        let from = self.measured_from_ns.load(Ordering::Acquire);
        let span = self.workload.duration.0.as_nanos() as u64;
        (self.workload.records.is_none() && from != u64::MAX).then(|| from.saturating_add(span))
    }

    /// Producing ends, unless a schedule has ended it already.
    pub(super) fn end(&self) {
        self.until_ns.fetch_min(now_ns(), Ordering::AcqRel);
    }

    /// How many records may still be made, of a run that is bounded by their number.
    pub(super) fn left(&self) -> Option<u64> {
        let left = self.quota.load(Ordering::Acquire);
        self.workload.records.and(u64::try_from(left).ok())
    }

    pub(super) fn is_measured(&self, sent_ns: u64) -> bool {
        sent_ns >= self.measured_from_ns.load(Ordering::Acquire)
    }

    /// Whether a record may be made at `now_ns`; if not, producing has ended.
    pub(super) fn grant(&self, now_ns: u64) -> bool {
        if self.is_stopped() || now_ns >= self.until_ns.load(Ordering::Acquire) {
            return false;
        }
        self.workload.records.is_none()
            || !self.is_measured(now_ns)
            || self.change_quota(|left| (left > 0).then(|| left - 1))
    }

    /// Whether producing should have ended so long ago that an open loop, which still has records
    /// to make, gives up.
    pub(super) fn is_overdue(&self, now_ns: u64) -> bool {
        now_ns
            > self
                .until_ns
                .load(Ordering::Acquire)
                .saturating_add(OVERDUE_NS)
    }

    /// A record that was granted is not made after all.
    pub(super) fn take_back(&self, now_ns: u64) {
        if self.workload.records.is_some() && self.is_measured(now_ns) {
            self.change_quota(|left| Some(left + 1));
        }
    }

    fn change_quota(&self, change: impl FnMut(i64) -> Option<i64>) -> bool {
        let changed = self
            .quota
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change);
        changed.is_ok()
    }

    /// Ends the run early.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::WorkloadOptions;

    #[test]
    fn a_number_of_records_is_granted_once_and_the_warm_up_not_counted() {
        let options: WorkloadOptions = toml::from_str("records = 10\nwarm-up = \"1s\"").unwrap();
        let control = Control::new(&options.resolve().unwrap(), 1);
        control.begin();
        let begin = control.begin_ns.load(Ordering::Acquire);
        let later = begin + 2_000_000_000;
        assert!((0..100).all(|_| control.grant(begin)));
        control.measure_from(begin + 1_000_000_000);
        assert_eq!((0..100).filter(|_| control.grant(later)).count(), 10);
    }

    #[test]
    fn a_closed_loop_is_under_load_until_its_end_was_looked_at_and_a_schedule_ends_by_itself() {
        let control = |more: &str| {
            let text = format!("duration = \"1s\"\nwarm-up = \"0s\"\n{more}");
            let options: WorkloadOptions = toml::from_str(&text).unwrap();
            let control = Control::new(&options.resolve().unwrap(), 1);
            control.begin();
            let begin = control.begin_ns.load(Ordering::Acquire);
            assert_eq!(control.window_ends_ns(), Some(begin + 1_000_000_000));
            (control, begin + 1_000_000_000)
        };
        let (closed, end) = control("");
        assert!(closed.grant(end));
        closed.end();
        assert!(!closed.grant(end));
        let (open, end) = control("rate = 1000.0");
        assert!(open.grant(end - 1) && !open.grant(end));
        open.stop();
        assert!(!open.grant(0));
    }
}
