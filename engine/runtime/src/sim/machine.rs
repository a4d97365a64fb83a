//! A machine of a simulation: an address, a disk that outlives processes, and the threads of the
//! process that runs on it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::clock::Clock;
use super::simulation::Universe;
use super::{Sim, SimEnv};
use crate::executor::Executor;
use crate::runtime::{Handle, Shared};
use crate::wake::RemoteWaker;

/// What a [`Handle`] knows of its simulated thread.
pub(crate) struct Seat {
    universe: Rc<Universe>,
    address: IpAddr,
    disk: SimEnv,
}

impl Seat {
    pub(crate) fn clock(&self) -> &Clock {
        &self.universe.clock
    }

    pub(crate) fn disk(&self) -> &SimEnv {
        &self.disk
    }

    pub(crate) fn random_u64(&self) -> u64 {
        self.universe.rng.borrow_mut().next()
    }

    pub(super) fn universe(&self) -> &Rc<Universe> {
        &self.universe
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }
}

/// One machine. Clones are the same one.
#[derive(Clone)]
pub struct Machine {
    universe: Rc<Universe>,
    inner: Rc<Inner>,
}

pub(super) struct Inner {
    pub address: IpAddr,
    pub threads: RefCell<Vec<Rc<Shared>>>,
    pub disk: RefCell<Sim>,
    /// A power cut came; peers learn of it only when the machine is up again.
    is_dark: Cell<bool>,
}

impl Inner {
    pub fn new(address: IpAddr, disk: Sim) -> Self {
        Self {
            address,
            threads: RefCell::default(),
            disk: RefCell::new(disk),
            is_dark: Cell::new(false),
        }
    }

    /// Ends the process: no destructor of it reaches the disk any more, which is another one by
    /// now, and its sockets are closed as the kernel closes them.
    pub fn end_threads(&self) {
        let threads = self.threads.take();
        for thread in threads {
            thread.shut_down();
        }
    }
}

impl Sim {
    /// Whether an operation is under way.
    pub(super) fn is_busy(&self) -> bool {
        !self.0.state.borrow().under_way.is_empty()
    }

    /// Completes one of the operations under way; `written` is shown what a write leaves behind.
    pub(super) fn complete_one(&self, written: impl FnMut(&[u8])) {
        self.0.complete_one(written);
    }
}

impl Machine {
    pub(super) fn new(universe: Rc<Universe>, inner: Rc<Inner>) -> Self {
        Self { universe, inner }
    }

    pub fn address(&self) -> IpAddr {
        self.inner.address
    }

    /// A new thread of the machine's process. It lives until the process ends.
    pub fn thread(&self) -> Handle {
        if self.inner.is_dark.take() {
            self.universe.net.light_up(&self.universe, self.address());
        }
        let seat = Seat {
            universe: Rc::clone(&self.universe),
            address: self.inner.address,
            disk: self.inner.disk.borrow().env(),
        };
        let waker = RemoteWaker::simulated();
        let executor = Executor::simulated(waker.clone());
        let shared = Rc::new(Shared::new(seat.into(), executor, waker));
        self.inner.threads.borrow_mut().push(Rc::clone(&shared));
        Handle::of(shared)
    }

    /// The death of the process: its tasks end where they are, what it wrote stays, its peers see
    /// their connections end.
    pub fn kill(&self) {
        self.replace_disk(Sim::kill);
        self.inner.end_threads();
    }

    /// The power goes and comes back: as [`Self::kill`], but the disk forgets what was not synced,
    /// and peers hear nothing until the next process runs here.
    pub fn power_cut(&self) {
        self.inner.is_dark.set(true);
        self.universe.net.darken(self.address());
        self.replace_disk(Sim::power_cut);
        self.inner.end_threads();
    }

    /// For faults of the disk, and for looking at it.
    pub fn with_disk<T>(&self, look: impl FnOnce(&Sim) -> T) -> T {
        look(&self.inner.disk.borrow())
    }

    fn replace_disk(&self, successor: impl FnOnce(&Sim, u64) -> Sim) {
        let seed = self.universe.rng.borrow_mut().next();
        let disk = successor(&self.inner.disk.borrow(), seed);
        let before = self.inner.disk.replace(disk);
        drop(before);
    }

    /// The time that has passed since the simulation began.
    pub fn elapsed(&self) -> Duration {
        self.universe.clock.elapsed()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
