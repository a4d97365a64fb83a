//! Several machines, one clock, one network, one seed.
//!
//! Each thread of a machine is an executor with hooks and timers, as a thread with a ring is; the
//! scheduler takes turns with them in an order that follows from the seed, completes operations
//! of disks in between, and moves the clock to the next event when there is nothing else to do.
//! Nothing waits in real time, and nothing that happens depends on it.

use std::cell::RefCell;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::Sim;
use super::clock::Clock;
use super::machine::{self, Machine};
use super::net::Net;
use super::rng::Rng;
use super::trace::{Digest, Trace};
use crate::runtime::Shared;

/// The most tasks of a thread in one turn, and the most time that a turn takes.
const TASKS_PER_TURN_MAX: usize = 16;
const TURN_NS_MAX: usize = 20_000;

/// How long a disk takes for an operation: usually up to the first, one in so many up to the
/// second.
const DISK_NS_MAX: usize = 200_000;
const DISK_SLOW_NS_MAX: usize = 30_000_000;
const DISK_SLOW_ONE_IN: usize = 64;

/// What all machines share.
pub(super) struct Universe {
    pub clock: Clock,
    pub rng: RefCell<Rng>,
    pub trace: Trace,
    pub net: Net,
    machines: RefCell<Vec<Rc<machine::Inner>>>,
}

impl Universe {
    pub fn below(&self, limit: usize) -> usize {
        self.rng.borrow_mut().below(limit)
    }

    /// A number of nanoseconds from 1 to `ns_max`.
    pub fn up_to_ns(&self, ns_max: usize) -> Duration {
        Duration::from_nanos(1 + self.below(ns_max) as u64)
    }
}

/// A simulation. Dropping it ends all processes.
pub struct Simulation(Rc<Universe>);

impl Simulation {
    pub fn new(seed: u64) -> Self {
        Self(Rc::new(Universe {
            clock: Clock::new(),
            rng: RefCell::new(Rng::new(seed)),
            trace: Trace::new(),
            net: Net::default(),
            machines: RefCell::default(),
        }))
    }

    /// A machine with an empty disk.
    ///
    /// # Panics
    /// When there is one of this address.
    pub fn machine(&self, address: IpAddr) -> Machine {
        let mut machines = self.0.machines.borrow_mut();
        assert!(machines.iter().all(|known| known.address != address));
        let seed = self.0.rng.borrow_mut().next();
        let inner = Rc::new(machine::Inner::new(address, Sim::new(seed)));
        machines.push(Rc::clone(&inner));
        Machine::new(Rc::clone(&self.0), inner)
    }

    /// Runs all machines until `main` is done. What else is spawned goes on with the next call.
    ///
    /// # Panics
    /// When everything waits and no timer is set: that would be for ever.
    pub fn run<T>(&self, main: impl Future<Output = T>) -> T {
        let mut main = pin!(main);
        let root = Arc::new(Root(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&root));
        let mut context = Context::from_waker(&waker);
        loop {
            if root.0.swap(false, Ordering::Relaxed)
                && let Poll::Ready(output) = main.as_mut().poll(&mut context)
            {
                return output;
            }
            let is_idle = !self.step();
            assert!(
                !is_idle || root.0.load(Ordering::Relaxed),
                "every task waits, and nothing is under way"
            );
        }
    }

    /// Lets one thing happen; false when nothing can.
    fn step(&self) -> bool {
        let mut awake = Vec::new();
        let mut busy_disks = Vec::new();
        let mut next_timer: Option<Instant> = None;
        for machine in self.0.machines.borrow().iter() {
            for thread in machine.threads.borrow().iter() {
                if thread.is_awake() {
                    awake.push(Rc::clone(thread));
                }
                next_timer = [next_timer, thread.next_timer()]
                    .into_iter()
                    .flatten()
                    .min();
            }
            if machine.disk.borrow().is_busy() {
                busy_disks.push(Rc::clone(machine));
            }
        }
        let is_disks_turn = !busy_disks.is_empty() && self.0.below(4) == 0;
        if !awake.is_empty() && !is_disks_turn {
            self.turn(&awake);
            return true;
        }
        if busy_disks.is_empty() {
            let Some(deadline) = next_timer else {
                return false;
            };
            self.0.clock.advance_to(deadline);
            return true;
        }
        if awake.is_empty() {
            let done_in = self.disk_time();
            match next_timer {
                Some(deadline) if deadline < self.0.clock.now() + done_in => {
                    self.0.clock.advance_to(deadline);
                    return true;
                }
                _ => self.0.clock.advance(done_in),
            }
        }
        let chosen = &busy_disks[self.0.below(busy_disks.len())];
        let disk = chosen.disk.borrow();
        disk.complete_one(|bytes| {
            let at = self.0.clock.elapsed();
            self.0.trace.record(super::trace::Kind::Disk, at, bytes);
        });
        true
    }

    fn turn(&self, awake: &[Rc<Shared>]) {
        self.0.clock.advance(self.0.up_to_ns(TURN_NS_MAX));
        let thread = &awake[self.0.below(awake.len())];
        thread.turn_simulated(1 + self.0.below(TASKS_PER_TURN_MAX));
    }

    fn disk_time(&self) -> Duration {
        let is_slow = self.0.below(DISK_SLOW_ONE_IN) == 0;
        self.0.up_to_ns(if is_slow {
            DISK_SLOW_NS_MAX
        } else {
            DISK_NS_MAX
        })
    }

    /// A number below `limit` that follows from the seed, for a test's own choices.
    pub fn below(&self, limit: usize) -> usize {
        self.0.below(limit)
    }

    /// The time that has passed.
    pub fn elapsed(&self) -> Duration {
        self.0.clock.elapsed()
    }

    /// Steps the wall clock of all machines, as NTP or an operator does; the monotonic clock goes
    /// on as it was.
    pub fn step_wall_clock(&self, by_ms: i64) {
        self.0.clock.step_wall(by_ms);
    }

    /// Resets one of the open connections between different machines; false if there is none.
    pub fn reset_a_connection(&self) -> bool {
        self.0.net.reset_one(&self.0)
    }

    /// From now on nothing that `from` sends arrives at `to`. Nothing is lost either: it arrives
    /// when the link is mended.
    pub fn cut_link(&self, from: IpAddr, to: IpAddr) {
        self.0.net.cut_link(from, to);
    }

    pub fn mend_links(&self) {
        self.0.net.mend_links(&self.0);
    }

    /// What has been sent and written so far.
    pub fn digest(&self) -> Digest {
        self.0.trace.digest(self.elapsed())
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        // The threads hold the machines' parts, and each other's.
        for machine in self.0.machines.take() {
            machine.end_threads();
        }
    }
}

/// Says whether the future that `run` waits for is to be polled.
struct Root(AtomicBool);

impl Wake for Root {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
