//! The memory budget (`naru.memory`): what requests that are being received and answers
//! that are being sent may hold, over all shards.
//!
//! Invariants: what is reserved never passes the limit; a reservation is given back when
//! it is dropped; nobody is refused, one who finds the budget spent waits, and while he
//! waits his socket is not read. Waiting is rare and polled: no lock, no wake-ups
//! between shards on the way of every request.
//!
//! A stalled peer could hold memory for ever; `is_short` tells the connections that
//! somebody waits, and those that make no progress for `naru.request.stall.ms` close.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use naru_runtime::Handle;

/// How often one who waits looks again.
const RETRY_AFTER: Duration = Duration::from_millis(2);

#[derive(Clone, Debug)]
pub struct MemoryBudget(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    waiting: AtomicUsize,
}

impl MemoryBudget {
    pub fn new(limit_bytes: usize) -> Self {
        Self(Arc::new(Counters {
            limit_bytes,
            used_bytes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// Takes `bytes` if they are free now. A demand above the whole limit is granted only
    /// when nothing else is reserved, so that one large request can always be served.
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let counters = &*self.0;
        let mut used = counters.used_bytes.load(Ordering::Relaxed);
        loop {
            let fits = used.saturating_add(bytes) <= counters.limit_bytes || used == 0;
            if !fits {
                return None;
            }
            match counters.used_bytes.compare_exchange_weak(
                used,
                used.saturating_add(bytes),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    return Some(Reservation {
                        budget: self.clone(),
                        bytes,
                    });
                }
                Err(now) => used = now,
            }
        }
    }

    /// Waits until `bytes` are free and takes them.
    pub async fn reserve(&self, io: &Handle, bytes: usize) -> Reservation {
        if let Some(reservation) = self.try_reserve(bytes) {
            return reservation;
        }
        let _waiting = Waiting::new(self);
        loop {
            io.sleep(RETRY_AFTER).await;
            if let Some(reservation) = self.try_reserve(bytes) {
                return reservation;
            }
        }
    }

    /// Whether somebody waits for memory.
    pub fn is_short(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }

    pub fn used_bytes(&self) -> usize {
        self.0.used_bytes.load(Ordering::Relaxed)
    }
}

/// Bytes of the budget, given back when dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: MemoryBudget,
    bytes: usize,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget
            .0
            .used_bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

struct Waiting<'a>(&'a MemoryBudget);

impl<'a> Waiting<'a> {
    fn new(budget: &'a MemoryBudget) -> Self {
        budget.0.waiting.fetch_add(1, Ordering::Relaxed);
        Self(budget)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_never_passes_the_limit() {
        let budget = MemoryBudget::new(100);
        let first = budget.try_reserve(60);
        assert!(first.is_some());
        assert!(budget.try_reserve(41).is_none());
        let second = budget.try_reserve(40);
        assert_eq!(budget.used_bytes(), 100);
        drop((first, second));
        assert_eq!(budget.used_bytes(), 0);
    }

    #[test]
    fn a_demand_above_the_limit_is_served_alone() {
        let budget = MemoryBudget::new(100);
        let small = budget.try_reserve(1);
        assert!(budget.try_reserve(500).is_none());
        drop(small);
        assert!(budget.try_reserve(500).is_some());
    }
}
