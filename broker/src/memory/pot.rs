//! A share of the memory: taken at once while there is enough and nobody waits, else in
//! the order of asking, whichever shards they are on.
//!
//! Invariants:
//! - What is reserved does not pass the limit, but for one demand at a time: a head of the
//!   queue that finds nothing held except by those who wait themselves is granted beyond.
//!   So a demand above the limit is served alone, and whoever grows while all others wait to
//!   grow as well goes on: whoever holds memory and does not wait gives it back some day.
//! - Nobody overtakes: while somebody waits, `try_reserve` grants nothing.
//!
//! No lock is waited for. The queue belongs to whoever raises `events` from 0; all others
//! leave their event there and go on, and the owner looks again.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use crossbeam::queue::SegQueue;
use naru_runtime::{Handed, Handover, handover};

/// A share of the memory. Clones are the same share.
#[derive(Clone)]
pub struct Pot(Arc<Inner>);

struct Inner {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    /// Demands in `arrived` and `queue`.
    waiting: AtomicUsize,
    /// Arrivals and returns that the owner of the queue has not seen.
    events: AtomicUsize,
    arrived: SegQueue<Demand>,
    /// Only its owner locks it, so it is never waited for.
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    demands: VecDeque<Demand>,
    /// What all of them hold while they wait.
    held_bytes: usize,
}

/// Somebody who waits. The connections bound their number: each waits for one at a time.
struct Demand {
    bytes: usize,
    /// What the same one holds of this pot while it waits.
    held_bytes: usize,
    answer: Handover<Reservation>,
}

impl Pot {
    pub fn new(limit_bytes: usize) -> Self {
        Self(Arc::new(Inner {
            limit_bytes,
            used_bytes: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            events: AtomicUsize::new(0),
            arrived: SegQueue::new(),
            queue: Mutex::default(),
        }))
    }

    pub fn limit_bytes(&self) -> usize {
        self.0.limit_bytes
    }

    pub fn used_bytes(&self) -> usize {
        self.0.used_bytes.load(SeqCst)
    }

    /// Whether somebody waits, or more is held than there is.
    pub fn is_short(&self) -> bool {
        self.0.waiting.load(SeqCst) > 0 || self.used_bytes() > self.0.limit_bytes
    }

    /// Takes `bytes` if they are free now and nobody waits.
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        if bytes == 0 {
            return Some(self.reservation(0));
        }
        if self.0.waiting.load(SeqCst) > 0 {
            return None;
        }
        let fits = |used: usize| used == 0 || used.saturating_add(bytes) <= self.0.limit_bytes;
        let take = |used| fits(used).then(|| used + bytes);
        let taken = self.0.used_bytes.fetch_update(SeqCst, SeqCst, take);
        taken.is_ok().then(|| self.reservation(bytes))
    }

    /// Takes `bytes`, in turn. `held_bytes` is what the caller already holds of this pot
    /// and will not give back before it has them.
    pub async fn reserve(&self, bytes: usize, held_bytes: usize) -> Reservation {
        if let Some(reservation) = self.try_reserve(bytes) {
            return reservation;
        }
        let (answer, granted) = handover();
        self.0.waiting.fetch_add(1, SeqCst);
        self.0.arrived.push(Demand {
            bytes,
            held_bytes,
            answer,
        });
        self.settle();
        Turn {
            pot: self,
            granted: Some(granted),
        }
        .await
    }

    /// Takes `bytes` without asking: for memory that is there already.
    pub fn charge(&self, bytes: usize) -> Reservation {
        self.0.used_bytes.fetch_add(bytes, SeqCst);
        self.reservation(bytes)
    }

    fn reservation(&self, bytes: usize) -> Reservation {
        Reservation {
            pot: self.clone(),
            bytes,
        }
    }

    fn give_back(&self, bytes: usize) {
        let before = self.0.used_bytes.fetch_sub(bytes, SeqCst);
        assert!(before >= bytes, "more was given back than was taken");
        if self.0.waiting.load(SeqCst) > 0 {
            self.settle();
        }
    }

    /// Grants what can be granted, if no other thread is at it; else that one does.
    fn settle(&self) {
        if self.0.events.fetch_add(1, SeqCst) > 0 {
            return;
        }
        loop {
            let seen = self.0.events.load(SeqCst);
            self.grant();
            if self
                .0
                .events
                .compare_exchange(seen, 0, SeqCst, SeqCst)
                .is_ok()
            {
                return;
            }
        }
    }

    /// Called by the owner of the queue.
    fn grant(&self) {
        let Ok(mut queue) = self.0.queue.try_lock() else {
            unreachable!("the queue has one owner");
        };
        while let Some(demand) = self.0.arrived.pop() {
            queue.held_bytes += demand.held_bytes;
            queue.demands.push_back(demand);
        }
        while let Some(first) = queue.demands.front() {
            let mut granted = None;
            if !first.answer.is_forsaken() {
                let (limit, held, bytes) = (self.0.limit_bytes, queue.held_bytes, first.bytes);
                let take = |used: usize| {
                    let fits = used.saturating_add(bytes) <= limit || used <= held;
                    fits.then(|| used + bytes)
                };
                if self
                    .0
                    .used_bytes
                    .fetch_update(SeqCst, SeqCst, take)
                    .is_err()
                {
                    return;
                }
                granted = Some(self.reservation(bytes));
            }
            if let Some(demand) = queue.demands.pop_front() {
                queue.held_bytes -= demand.held_bytes;
                self.0.waiting.fetch_sub(1, SeqCst);
                if let Some(reservation) = granted {
                    demand.answer.give(reservation);
                }
            }
        }
    }
}

/// A place in the queue; it is given up when this is dropped.
struct Turn<'a> {
    pot: &'a Pot,
    granted: Option<Handed<Reservation>>,
}

impl Future for Turn<'_> {
    type Output = Reservation;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Reservation> {
        match &mut self.granted {
            Some(granted) => Pin::new(granted).poll(context),
            None => Poll::Pending,
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // What was granted and not taken goes back with this.
        self.granted = None;
        if self.pot.0.waiting.load(SeqCst) > 0 {
            self.pot.settle();
        }
    }
}

/// Bytes of a share, given back when this is dropped, on whichever thread that happens.
pub struct Reservation {
    pot: Pot,
    bytes: usize,
}

impl Reservation {
    /// Gives back what is too much, or counts what is there beyond what was reserved.
    pub fn set_bytes(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.bytes, bytes);
        if bytes > before {
            self.pot.0.used_bytes.fetch_add(bytes - before, SeqCst);
        } else if bytes < before {
            self.pot.give_back(before - bytes);
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.pot.give_back(self.bytes);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reservation").field(&self.bytes).finish()
    }
}

impl fmt::Debug for Pot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pot")
            .field("limit_bytes", &self.0.limit_bytes)
            .field("used_bytes", &self.used_bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Waker;
    use std::thread;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn taken(pot: &Pot, bytes: usize) -> Reservation {
        pot.try_reserve(bytes).expect("it is free")
    }

    #[test]
    fn what_is_reserved_never_passes_the_limit() {
        let pot = Pot::new(100);
        let first = taken(&pot, 60);
        assert!(pot.try_reserve(41).is_none());
        let second = taken(&pot, 40);
        assert_eq!(pot.used_bytes(), 100);
        drop((first, second));
        assert_eq!(pot.used_bytes(), 0);
    }

    #[test]
    fn a_demand_above_the_limit_is_served_alone() {
        let pot = Pot::new(100);
        let small = taken(&pot, 1);
        let mut large = pin!(pot.reserve(500, 0));
        assert!(poll(large.as_mut()).is_pending());
        drop(small);
        assert!(poll(large.as_mut()).is_ready());
    }

    #[test]
    fn nobody_overtakes_who_waits_for_more() {
        let pot = Pot::new(100);
        let held = taken(&pot, 60);
        let mut large = pin!(pot.reserve(80, 0));
        assert!(poll(large.as_mut()).is_pending());
        let mut small = pin!(pot.reserve(10, 0));
        assert!(poll(small.as_mut()).is_pending());
        assert!(pot.try_reserve(10).is_none());
        drop(held);
        let Poll::Ready(large) = poll(large.as_mut()) else {
            panic!("it was first")
        };
        assert!(poll(small.as_mut()).is_ready());
        drop(large);
    }

    /// All have a part and wait for the rest: without the rule nobody would go on.
    #[test]
    fn when_all_who_hold_wait_for_more_the_first_goes_on() {
        let pot = Pot::new(100);
        let parts = (taken(&pot, 50), taken(&pot, 50));
        let mut first = pin!(pot.reserve(200, 50));
        assert!(
            poll(first.as_mut()).is_pending(),
            "the other may still finish"
        );
        let mut second = pin!(pot.reserve(200, 50));
        assert!(poll(second.as_mut()).is_pending());
        let Poll::Ready(whole) = poll(first.as_mut()) else {
            panic!("the oldest is granted beyond the limit")
        };
        assert!(poll(second.as_mut()).is_pending(), "one at a time");
        drop((whole, parts.0));
        assert!(poll(second.as_mut()).is_ready());
        drop(parts.1);
        assert_eq!(pot.used_bytes(), 0);
    }

    #[test]
    fn who_gives_up_waiting_holds_up_nobody() {
        let pot = Pot::new(100);
        let held = taken(&pot, 60);
        let mut gone = Box::pin(pot.reserve(80, 0));
        assert!(poll(gone.as_mut()).is_pending());
        let mut next = pin!(pot.reserve(40, 0));
        assert!(poll(next.as_mut()).is_pending());
        drop(gone);
        let Poll::Ready(next) = poll(next.as_mut()) else {
            panic!("the way is free")
        };
        drop((held, next));
        assert_eq!(pot.used_bytes(), 0);
        assert!(!pot.is_short());
    }

    #[test]
    fn what_was_granted_and_never_taken_comes_back() {
        let pot = Pot::new(100);
        let held = taken(&pot, 100);
        let mut waits = Box::pin(pot.reserve(100, 0));
        assert!(poll(waits.as_mut()).is_pending());
        drop(held);
        drop(waits);
        assert_eq!(pot.used_bytes(), 0);
    }

    #[test]
    fn a_reservation_is_given_its_true_size() {
        let pot = Pot::new(100);
        let mut answer = taken(&pot, 100);
        let mut next = pin!(pot.reserve(60, 0));
        assert!(poll(next.as_mut()).is_pending());
        answer.set_bytes(40);
        assert!(poll(next.as_mut()).is_ready());
        answer.set_bytes(140);
        assert!(pot.is_short());
        drop(answer);
    }

    /// Threads take and give back as they find it; each that waits is woken, and nothing
    /// is lost or made.
    #[test]
    fn threads_share_a_pot() {
        struct Unpark(thread::Thread);
        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        let pot = Pot::new(1_000);
        thread::scope(|scope| {
            for seed in 1..=4_usize {
                let pot = pot.clone();
                scope.spawn(move || {
                    let waker = Waker::from(Arc::new(Unpark(thread::current())));
                    let mut context = Context::from_waker(&waker);
                    let mut number = seed;
                    for _ in 0..5_000 {
                        number = number.wrapping_mul(0x9e37_79b1).wrapping_add(seed) >> 1;
                        let mut waits = pin!(pot.reserve(1 + number % 700, 0));
                        let held = loop {
                            match waits.as_mut().poll(&mut context) {
                                Poll::Ready(held) => break held,
                                Poll::Pending => thread::park(),
                            }
                        };
                        assert!(pot.used_bytes() <= 1_000);
                        drop(held);
                    }
                });
            }
        });
        assert_eq!(pot.used_bytes(), 0);
        assert!(!pot.is_short());
    }
}
