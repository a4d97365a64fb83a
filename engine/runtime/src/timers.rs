//! The timers of one thread, earliest first. A cancelled timer is removed at once.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::{Duration, Instant};

/// Names a timer: its deadline, and a number that orders equal deadlines by arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey {
    deadline: Instant,
    sequence: u64,
}

#[derive(Default)]
pub(super) struct Timers {
    waiting: BTreeMap<TimerKey, Waker>,
    sequence: u64,
}

impl Timers {
    pub(super) fn insert(&mut self, deadline: Instant, waker: Waker) -> TimerKey {
        self.sequence += 1;
        let key = TimerKey {
            deadline,
            sequence: self.sequence,
        };
        self.waiting.insert(key, waker);
        key
    }

    /// Replaces the waker. `false` when the timer has fired.
    pub(super) fn renew(&mut self, key: TimerKey, waker: &Waker) -> bool {
        match self.waiting.get_mut(&key) {
            Some(old) => {
                old.clone_from(waker);
                true
            }
            None => false,
        }
    }

    pub(super) fn remove(&mut self, key: TimerKey) -> Option<Waker> {
        self.waiting.remove(&key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the wakers of what is due, in order.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Waker> {
        let mut due = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if first.key().deadline > now {
                break;
            }
            due.push(first.remove());
        }
        due
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let (first, _) = self.waiting.first_key_value()?;
        Some(first.deadline)
    }

    /// Time until the next one is due.
    pub(super) fn next_in(&self, now: Instant) -> Option<Duration> {
        let deadline = self.next_deadline()?;
        Some(deadline.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_timers_come_out_and_cancelled_ones_do_not() {
        let mut timers = Timers::default();
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let late = timers.insert(start + 2 * second, Waker::noop().clone());
        let cancelled = timers.insert(start, Waker::noop().clone());
        timers.insert(start + second, Waker::noop().clone());
        assert!(timers.remove(cancelled).is_some());
        assert_eq!(timers.next_in(start), Some(second));
        assert_eq!(timers.take_due(start + second).len(), 1);
        assert!(timers.renew(late, Waker::noop()));
        assert!(!timers.renew(cancelled, Waker::noop()));
        assert_eq!(timers.next_in(start + 3 * second), Some(Duration::ZERO));
    }
}
