//! What stands behind a [`Handle`](super::Handle): the kernel, or a machine of a simulation.
//!
//! The two are a closed enum rather than a type parameter, so that the broker's signatures know
//! nothing of it; the way to the ring costs one branch that is always taken (ADR 0012).

use std::fmt;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::metrics::{Distribution, Histogram};
use super::ring::Ring;
use super::sim::Seat;

pub(super) enum Backend {
    Ring(Ring),
    Sim(Seat),
}

impl From<Seat> for Backend {
    fn from(seat: Seat) -> Self {
        Self::Sim(seat)
    }
}

impl Backend {
    pub(super) fn now(&self) -> Instant {
        match self {
            Self::Ring(_) => Instant::now(),
            Self::Sim(seat) => seat.clock().now(),
        }
    }

    pub(super) fn wall_ms(&self) -> i64 {
        match self {
            Self::Ring(_) => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| since.as_millis() as i64)
            }
            Self::Sim(seat) => seat.clock().wall_ms(),
        }
    }

    /// How long the flushes of this thread's ring took; a simulation has none.
    pub(super) fn flushes(&self) -> Distribution {
        match self {
            Self::Ring(ring) => ring.flushes().copy(),
            Self::Sim(_) => Histogram::of_durations().copy(),
        }
    }

    pub(super) fn random_u64(&self) -> u64 {
        match self {
            Self::Ring(_) => getrandom::u64().expect("every kernel with a ring has getrandom(2)"),
            Self::Sim(seat) => seat.random_u64(),
        }
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ring(ring) => ring.fmt(f),
            Self::Sim(seat) => seat.fmt(f),
        }
    }
}
