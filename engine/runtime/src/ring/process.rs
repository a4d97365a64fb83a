//! Settings of the process and its threads that have no safe wrapper.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;

use nix::sys::signal::{SigHandler, Signal, signal};

/// Makes a write beyond `RLIMIT_FSIZE` fail with `EFBIG` instead of killing the process.
/// Called once at start.
pub fn ignore_sigxfsz() -> io::Result<()> {
    // SAFETY: ignoring a signal runs no handler.
    unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) }?;
    Ok(())
}

/// Makes the calling thread give way to the others: a higher value means a lower priority,
/// at most 19.
pub fn set_niceness(niceness: i32) -> io::Result<()> {
    // Linux takes 0 as the calling thread, not the process (setpriority(2), BUGS).
    // SAFETY: a call without pointers.
    match unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Hands a socket over to glommio. Called on its executor's thread.
pub(in super::super) fn to_glommio(stream: UnixStream) -> glommio::net::UnixStream {
    // SAFETY: the descriptor is given up by one owner and taken by the other.
    unsafe { glommio::net::UnixStream::from_raw_fd(stream.into_raw_fd()) }
}

/// The length of an open file, in bytes.
pub(in super::super) fn length_of(file: &impl AsRawFd) -> io::Result<u64> {
    // SAFETY: the file is borrowed for the duration of the call, hence open.
    let file = unsafe { BorrowedFd::borrow_raw(file.as_raw_fd()) };
    Ok(nix::sys::stat::fstat(file)?.st_size as u64)
}
