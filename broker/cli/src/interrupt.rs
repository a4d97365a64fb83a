//! How a command that goes on ends: by Ctrl-C or SIGTERM, or because nobody reads any more.

use std::io;
use std::os::fd::AsFd;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};

/// What a shell gives a process that SIGINT has ended.
const INTERRUPTED: i32 = 130;

/// The first signal asks for an orderly end, the second ends the process at once.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes the signals from now on; to be called before any thread is started.
    pub fn install() -> io::Result<Self> {
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.add(Signal::SIGTERM);
        // Threads inherit the mask: the signals wait for the thread below to take them.
        signals.thread_block()?;
        let requested = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&requested);
        thread::Builder::new()
            .name("naru-signals".into())
            .spawn(move || {
                while signals.wait().is_ok() {
                    if told.swap(true, Ordering::AcqRel) {
                        exit(INTERRUPTED);
                    }
                }
            })?;
        Ok(Self(requested))
    }

    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Whether stdout is a pipe whose reader has ended. A write would tell, but there may be nothing to
/// write.
pub fn reader_has_gone() -> bool {
    let stdout = io::stdout();
    let mut pipe = [PollFd::new(stdout.as_fd(), PollFlags::empty())];
    let looked = poll(&mut pipe, PollTimeout::ZERO);
    let [pipe] = pipe;
    looked.is_ok_and(|count| count > 0)
        && pipe
            .revents()
            .is_some_and(|events| events.contains(PollFlags::POLLERR))
}
