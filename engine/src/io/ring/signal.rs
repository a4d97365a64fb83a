//! The one signal that storage has to be safe from.
#![allow(unsafe_code)]

use std::io;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Makes a write beyond `RLIMIT_FSIZE` fail with `EFBIG` instead of killing the process.
/// Called once at start.
pub fn ignore_sigxfsz() -> io::Result<()> {
    // SAFETY: ignoring a signal runs no handler.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    Ok(())
}
