//! What the threads of a run share: when it is measured, when it ends, how far it is.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use super::clock::now_ns;
use crate::workload::Workload;

/// Where in all topics of a run a partition stands: topic by topic, partition by partition.
pub(super) type Slot = usize;

/// How far behind its end an open loop may be before it gives up, in ns.
const OVERDUE_NS: u64 = 1_000_000_000;

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
    pub acked: AtomicU64,
    pub acked_bytes: AtomicU64,
    pub consumed: AtomicU64,
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
            acked: AtomicU64::new(0),
            acked_bytes: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            ends: OnceLock::new(),
        }
    }

    /// Sets the times of a run that begins now.
    pub(super) fn begin(&self) {
        let begin = now_ns();
        let measured_from = begin + self.workload.warm_up.0.as_nanos() as u64;
        let until = match self.workload.records {
            Some(_) => u64::MAX,
            None => measured_from + self.workload.duration.0.as_nanos() as u64,
        };
        self.begin_ns.store(begin, Ordering::Release);
        self.measured_from_ns
            .store(measured_from, Ordering::Release);
        self.until_ns.store(until, Ordering::Release);
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
        assert_eq!((0..100).filter(|_| control.grant(later)).count(), 10);
    }

    #[test]
    fn producing_ends_by_time_or_when_stopped() {
        let options: WorkloadOptions =
            toml::from_str("duration = \"1s\"\nwarm-up = \"0s\"").unwrap();
        let control = Control::new(&options.resolve().unwrap(), 1);
        control.begin();
        let begin = control.begin_ns.load(Ordering::Acquire);
        assert!(control.grant(begin));
        assert!(!control.grant(begin + 1_000_000_000));
        control.stop();
        assert!(!control.grant(begin));
    }
}
