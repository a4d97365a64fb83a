//! The time of a simulation: it stands still unless the scheduler moves it.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Where every simulation's wall clock begins, in ms since 1970.
const WALL_MS_AT_START: i64 = 1_700_000_000_000;

/// One clock for all machines.
pub(crate) struct Clock {
    /// Some instant; only differences from it are ever seen.
    start: Instant,
    elapsed: Cell<Duration>,
    /// What steps of the wall clock have added up to, in ms.
    wall_step_ms: Cell<i64>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            elapsed: Cell::default(),
            wall_step_ms: Cell::default(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + self.elapsed.get()
    }

    pub(crate) fn wall_ms(&self) -> i64 {
        WALL_MS_AT_START + self.wall_step_ms.get() + self.elapsed.get().as_millis() as i64
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed.get()
    }

    pub(super) fn advance(&self, by: Duration) {
        self.elapsed.set(self.elapsed.get() + by);
    }

    /// To `then`, if that is still to come.
    pub(super) fn advance_to(&self, then: Instant) {
        self.advance(then.saturating_duration_since(self.now()));
    }

    pub(super) fn step_wall(&self, by_ms: i64) {
        self.wall_step_ms.set(self.wall_step_ms.get() + by_ms);
    }
}
