//! The queues of a ring and the table of what is in flight.
#![allow(unsafe_code)]

use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use io_uring::{IoUring, opcode, squeue, types};
use slab::Slab;

use super::super::metrics::Histogram;
use super::config::{self, RingConfig};

/// Completions that nobody waits for: closes and cancels.
const NOBODY: u64 = u64::MAX;
/// The read of the eventfd by which other threads wake this one.
const ALARM: u64 = u64::MAX - 1;

// The bits of io_uring_enter(2) that the crate keeps to itself.
const ENTER_GETEVENTS: u32 = 1;
const ENTER_EXT_ARG: u32 = 1 << 3;
const ENTER_NO_IOWAIT: u32 = 1 << 7;

/// How long a dropped ring waits for the kernel to give its buffers back.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// How long one entry into the kernel may last.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum Wait {
    No,
    UntilCompletion,
    AtMost(Duration),
}

/// Names one operation. The generation keeps a late cancel from hitting the slot's next
/// tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    slot: u32,
    generation: u32,
}

impl Key {
    fn user_data(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.slot)
    }

    fn of(user_data: u64) -> Self {
        Self {
            slot: user_data as u32,
            generation: (user_data >> 32) as u32,
        }
    }
}

enum State {
    /// In flight, not polled yet.
    Fresh,
    Waiting(Waker),
    Done(i32),
    /// In flight, and its future is gone: this is what the kernel may still touch.
    Abandoned(#[allow(dead_code)] Box<dyn Any>),
}

struct Slot {
    generation: u32,
    state: State,
    /// The result is a descriptor, to be closed if nobody takes it.
    makes_fd: bool,
}

/// What has to wait until the driver is no longer borrowed: wakers and destructors are
/// foreign code that may come back to the ring.
enum Afterwards {
    Wake(Waker),
    Free(#[allow(dead_code)] State),
}

struct Driver {
    ring: IoUring,
    slots: Slab<Slot>,
    generation: u32,
    afterwards: Vec<Afterwards>,
    alarm: RawFd,
    alarm_count: Box<u64>,
    alarm_is_set: bool,
    enter_flags: u32,
    is_closed: bool,
}

/// A handle to the ring of this thread. Clones share it.
#[derive(Clone)]
pub(in super::super) struct Ring(Rc<Shared>);

struct Shared {
    driver: RefCell<Driver>,
    /// How long flushes took, those that are part of a write included.
    flushes: Histogram,
}

impl Ring {
    /// A ring for the calling thread. `alarm` is an eventfd that outlives the ring; a write
    /// to it ends a wait.
    pub(in super::super) fn new(config: RingConfig, alarm: RawFd) -> io::Result<Self> {
        let ring = config::make(config)?;
        // Without this flag an idle ring counts as a thread stuck in I/O (pressure 100%).
        let enter_flags = if ring.params().is_feature_no_iowait() {
            ENTER_NO_IOWAIT
        } else {
            0
        };
        let driver = Driver {
            ring,
            slots: Slab::new(),
            generation: 0,
            afterwards: Vec::new(),
            alarm,
            alarm_count: Box::new(0),
            alarm_is_set: false,
            enter_flags,
            is_closed: false,
        };
        Ok(Self(Rc::new(Shared {
            driver: RefCell::new(driver),
            flushes: Histogram::of_durations(),
        })))
    }

    /// Queues an operation. `None` when the ring is closed.
    ///
    /// # Safety
    /// What `entry` points to stays valid and unmoved until [`Self::poll`] returned ready
    /// for the key, or was passed to [`Self::abandon`].
    pub(super) unsafe fn submit(&self, entry: squeue::Entry, makes_fd: bool) -> Option<Key> {
        let mut driver = self.0.driver.borrow_mut();
        if driver.is_closed {
            return None;
        }
        driver.generation = driver.generation.wrapping_add(1) & (u32::MAX >> 1);
        let generation = driver.generation;
        let slot = driver.slots.insert(Slot {
            generation,
            state: State::Fresh,
            makes_fd,
        });
        let key = Key {
            slot: slot as u32,
            generation,
        };
        // SAFETY: the caller's promise.
        unsafe { driver.push(&entry.user_data(key.user_data())) };
        self.settle_if_needed(driver);
        Some(key)
    }

    pub(super) fn poll(&self, key: Key, waker: &Waker) -> Poll<i32> {
        let mut driver = self.0.driver.borrow_mut();
        let Some(slot) = driver.slots.get_mut(key.slot as usize) else {
            // The ring was shut down and the kernel did not let go of this one.
            return Poll::Pending;
        };
        debug_assert_eq!(slot.generation, key.generation);
        match &slot.state {
            State::Done(result) => {
                let result = *result;
                driver.slots.remove(key.slot as usize);
                Poll::Ready(result)
            }
            State::Waiting(old) if old.will_wake(waker) => Poll::Pending,
            State::Fresh | State::Waiting(_) | State::Abandoned(_) => {
                let old = mem::replace(&mut slot.state, State::Waiting(waker.clone()));
                drop(driver);
                drop(old);
                Poll::Pending
            }
        }
    }

    /// Takes over what the kernel may still touch and asks it to hurry.
    pub(super) fn abandon(&self, key: Key, data: Box<dyn Any>) {
        let mut driver = self.0.driver.borrow_mut();
        let Some(slot) = driver.slots.get_mut(key.slot as usize) else {
            // As in `poll`: whether the kernel still uses it, nobody can tell.
            mem::forget(data);
            return;
        };
        if let State::Done(result) = slot.state {
            let makes_fd = slot.makes_fd;
            driver.slots.remove(key.slot as usize);
            drop(driver);
            discard(result, makes_fd);
            return;
        }
        let waker = mem::replace(&mut slot.state, State::Abandoned(data));
        driver.afterwards.push(Afterwards::Free(waker));
        let cancel = opcode::AsyncCancel::new(key.user_data())
            .build()
            .user_data(NOBODY);
        // SAFETY: a cancel points to no memory.
        unsafe { driver.push(&cancel) };
        self.settle_if_needed(driver);
    }

    /// Closes a descriptor, in order with what was queued for it before.
    pub(in super::super) fn close(&self, descriptor: OwnedFd) {
        let mut driver = self.0.driver.borrow_mut();
        if driver.is_closed {
            return;
        }
        let close = opcode::Close::new(types::Fd(descriptor.into_raw_fd()))
            .build()
            .user_data(NOBODY);
        // SAFETY: a close points to no memory, and the descriptor was owned.
        unsafe { driver.push(&close) };
        self.settle_if_needed(driver);
    }

    /// Whether entering the kernel would do anything without waiting.
    pub(in super::super) fn has_work(&self) -> bool {
        let mut driver = self.0.driver.borrow_mut();
        let queue = driver.ring.submission();
        let has_calls = !queue.is_empty() || queue.taskrun() || queue.cq_overflow();
        drop(queue);
        has_calls || !driver.ring.completion().is_empty()
    }

    /// Submits what is queued, waits as told, and wakes whoever's operation completed.
    pub(in super::super) fn enter(&self, wait: Wait) -> io::Result<()> {
        let mut driver = self.0.driver.borrow_mut();
        driver.set_alarm();
        driver.enter(wait)?;
        driver.reap();
        self.settle_if_needed(driver);
        Ok(())
    }

    pub(in super::super) fn flushes(&self) -> &Histogram {
        &self.0.flushes
    }

    /// Operations whose result nobody has taken.
    #[cfg(test)]
    pub(in super::super) fn in_flight(&self) -> usize {
        self.0.driver.borrow().slots.len()
    }

    fn settle_if_needed(&self, mut driver: std::cell::RefMut<'_, Driver>) {
        if driver.afterwards.is_empty() {
            return;
        }
        let mut afterwards = mem::take(&mut driver.afterwards);
        drop(driver);
        for action in afterwards.drain(..) {
            match action {
                Afterwards::Wake(waker) => waker.wake(),
                Afterwards::Free(state) => drop(state),
            }
        }
        // Keeps the allocation; what came up meanwhile was settled by its own call.
        let mut driver = self.0.driver.borrow_mut();
        if driver.afterwards.capacity() == 0 {
            driver.afterwards = afterwards;
        }
    }

    /// Cancels everything and waits until the kernel lets go of every buffer. Later
    /// operations fail with `ECANCELED`.
    pub(in super::super) fn shut_down(&self) {
        let mut driver = self.0.driver.borrow_mut();
        driver.is_closed = true;
        let cancel = opcode::AsyncCancel2::new(types::CancelBuilder::any())
            .build()
            .user_data(NOBODY);
        // SAFETY: a cancel points to no memory.
        unsafe { driver.push(&cancel) };
        let deadline = Instant::now() + DRAIN_MAX;
        // Once in any case: closes may be queued.
        let mut entered = driver.enter(Wait::No);
        driver.reap();
        while driver.is_busy() {
            let left = deadline.saturating_duration_since(Instant::now());
            if entered.is_ok() {
                entered = driver.enter(Wait::AtMost(left.min(Duration::from_millis(100))));
                driver.reap();
            }
            if left.is_zero() || entered.is_err() {
                tracing::error!(
                    operations = driver.slots.len(),
                    "the kernel did not finish these operations; their buffers are leaked"
                );
                mem::take(&mut driver.slots)
                    .into_iter()
                    .for_each(|(_, slot)| mem::forget(slot));
                mem::forget(mem::take(&mut driver.alarm_count));
                driver.alarm_is_set = false;
                break;
            }
        }
        self.settle_if_needed(driver);
    }
}

impl Driver {
    /// # Safety
    /// As for [`Ring::submit`].
    unsafe fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: the caller's promise.
        while unsafe { self.ring.submission().push(entry) }.is_err() {
            // Full: give this turn's entries to the kernel now.
            if let Err(error) = self.enter(Wait::No) {
                // Nothing but a broken ring ends here, and no operation could ever
                // complete again.
                panic!("the ring does not take submissions: {error}");
            }
            self.reap();
        }
    }

    fn set_alarm(&mut self) {
        if self.alarm_is_set || self.is_closed {
            return;
        }
        let count: *mut u64 = &mut *self.alarm_count;
        let read = opcode::Read::new(types::Fd(self.alarm), count.cast(), 8)
            .build()
            .user_data(ALARM);
        // SAFETY: the count is boxed, and freed only when the read is no longer in flight.
        unsafe { self.push(&read) };
        self.alarm_is_set = true;
    }

    fn is_busy(&self) -> bool {
        self.alarm_is_set
            || self
                .slots
                .iter()
                .any(|(_, slot)| !matches!(slot.state, State::Done(_)))
    }

    fn enter(&mut self, wait: Wait) -> io::Result<()> {
        let to_submit = self.ring.submission().len() as u32;
        let want = match wait {
            Wait::No => 0,
            Wait::UntilCompletion | Wait::AtMost(_) => 1,
        };
        let timeout = match wait {
            Wait::AtMost(duration) => Some(types::Timespec::from(duration)),
            _ => None,
        };
        let flags = ENTER_GETEVENTS | self.enter_flags;
        let entered = match &timeout {
            Some(timeout) => {
                let arguments = types::SubmitArgs::new().timespec(timeout);
                // SAFETY: with EXT_ARG the argument is the struct that the crate lays out.
                unsafe {
                    self.ring.submitter().enter(
                        to_submit,
                        want,
                        flags | ENTER_EXT_ARG,
                        Some(&arguments),
                    )
                }
            }
            // SAFETY: without an argument there is nothing to get wrong.
            None => unsafe {
                self.ring
                    .submitter()
                    .enter::<libc::sigset_t>(to_submit, want, flags, None)
            },
        };
        match entered {
            Ok(_) => Ok(()),
            Err(error) => match error.raw_os_error() {
                // A timeout, a signal, or completions that have to be taken first.
                Some(libc::ETIME | libc::EINTR | libc::EBUSY | libc::EAGAIN) => Ok(()),
                _ => Err(error),
            },
        }
    }

    fn reap(&mut self) {
        for completion in self.ring.completion() {
            let result = completion.result();
            match completion.user_data() {
                NOBODY => {}
                ALARM => self.alarm_is_set = false,
                user_data => {
                    let key = Key::of(user_data);
                    let Some(slot) = self.slots.get_mut(key.slot as usize) else {
                        continue;
                    };
                    if slot.generation != key.generation {
                        continue;
                    }
                    match mem::replace(&mut slot.state, State::Done(result)) {
                        State::Waiting(waker) => self.afterwards.push(Afterwards::Wake(waker)),
                        State::Abandoned(data) => {
                            discard(result, slot.makes_fd);
                            self.afterwards
                                .push(Afterwards::Free(State::Abandoned(data)));
                            self.slots.remove(key.slot as usize);
                        }
                        State::Fresh | State::Done(_) => {}
                    }
                }
            }
        }
    }
}

/// Closes the descriptor that an accept or open made for nobody.
fn discard(result: i32, makes_fd: bool) {
    if makes_fd && result >= 0 {
        // SAFETY: the kernel made this descriptor for an operation whose future is gone, so
        // nobody else knows of it.
        drop(unsafe { OwnedFd::from_raw_fd(result) });
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let driver = self.0.driver.borrow();
        f.debug_struct("Ring")
            .field("descriptor", &driver.ring.as_raw_fd())
            .field("in_flight", &driver.slots.len())
            .finish()
    }
}
