//! Waking a sleeping thread of the ring from another thread.
//!
//! A wake-up costs a system call only when the target sleeps. Both sides announce first
//! and look second (Dekker's handshake), with a full fence in between:
//!
//! ```text
//! waker                               sleeper
//! 1. put the message in its queue     a. sleeping = true
//! 2. fence(SeqCst)                    b. fence(SeqCst)
//! 3. is `sleeping`? write eventfd     c. look into the queues; empty? wait
//! ```
//!
//! The two fences have one order. If 2 comes first, (c) sees the message of (1) and the
//! thread does not wait. If b comes first, (3) sees the flag of (a) and writes the eventfd,
//! which ends the wait, also when it begins only later, because the count stays readable
//! until the ring has read it. No order loses both. The waker that clears the flag is the
//! only one that writes, so a burst of messages costs one system call.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Wakes one runtime from any thread; clones wake the same one.
///
/// The message must be visible (pushed into its queue) before `wake` is called, and the
/// runtime must look for it in a turn hook.
#[derive(Clone)]
pub struct RemoteWaker {
    shared: Arc<Shared>,
}

struct Shared {
    sleeping: AtomicBool,
    /// None in a simulation, where nothing waits in the kernel.
    alarm: Option<EventFd>,
}

impl RemoteWaker {
    /// A waker, and the descriptor that its ring is to wait for; it lives as long as the waker.
    pub(super) fn new() -> io::Result<(Self, RawFd)> {
        // Blocking, as the ring waits for it: a non-blocking one would answer EAGAIN.
        let alarm = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        let descriptor = alarm.as_fd().as_raw_fd();
        Ok((Self::with(Some(alarm)), descriptor))
    }

    /// The waker of a simulated thread: whoever turns it looks at [`Self::is_asleep`].
    pub(super) fn simulated() -> Self {
        Self::with(None)
    }

    fn with(alarm: Option<EventFd>) -> Self {
        Self {
            shared: Arc::new(Shared {
                sleeping: AtomicBool::new(false),
                alarm,
            }),
        }
    }

    /// Makes the runtime take another turn, if it sleeps or is about to.
    pub fn wake(&self) {
        fence(Ordering::SeqCst);
        // The plain load keeps the flag's cache line shared while the target is busy.
        if self.shared.sleeping.load(Ordering::Relaxed)
            && self.shared.sleeping.swap(false, Ordering::AcqRel)
            && let Some(alarm) = &self.shared.alarm
        {
            // Fails only when the count would overflow, and then the alarm rings anyway.
            let _ = nix::unistd::write(alarm.as_fd(), &1u64.to_ne_bytes());
        }
    }

    /// The sleeper's steps a and b; it must look into its queues afterwards.
    pub(super) fn announce_sleep(&self) {
        self.shared.sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    pub(super) fn end_sleep(&self) {
        self.shared.sleeping.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.shared.sleeping.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for RemoteWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteWaker")
            .field("is_asleep", &self.is_asleep())
            .finish_non_exhaustive()
    }
}
