//! Ctrl-C and SIGTERM: whatever was started ends, and no directory stays.
//!
//! The first signal ends builds and counts at once, and asks everything else to come to an end:
//! loads look at [`is_requested`], and brokers end as they always do, when they are dropped. What
//! is still there after [`ORDERLY_TIME_MAX`], or at a second signal, is killed and removed.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, exit};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;

/// How long an orderly end may take: two brokers that stop, and their directories.
const ORDERLY_TIME_MAX: Duration = Duration::from_secs(45);

/// What a shell gives a process that SIGINT has ended.
const INTERRUPTED: i32 = 130;

static REQUESTED: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(0);
static GUARDED: Mutex<Vec<Guarded>> = Mutex::new(Vec::new());

struct Guarded {
    id: u64,
    group: Pid,
    /// `None`: a job, which leaves nothing behind when it is killed.
    directory: Option<PathBuf>,
}

/// A process group that an interrupt ends. Its leader must not have been waited for while this
/// lives.
pub struct Guard {
    id: u64,
}

impl Guard {
    /// A broker: asked by its owner first, killed only if that takes too long.
    pub fn of_broker(group: Pid, directory: &Path) -> Self {
        Self::new(group, Some(directory.to_owned()))
    }

    /// A build or a count: killed at once.
    pub fn of_job(group: Pid) -> Self {
        Self::new(group, None)
    }

    fn new(group: Pid, directory: Option<PathBuf>) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let is_job = directory.is_none();
        guarded().push(Guarded {
            id,
            group,
            directory,
        });
        // One that was started while the signal came.
        if is_job && is_requested() {
            kill(|guarded| guarded.id == id);
        }
        Self { id }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        guarded().retain(|guarded| guarded.id != self.id);
    }
}

/// Starts a command as a job: in a process group of its own, which an interrupt kills.
pub fn spawn(command: &mut Command) -> io::Result<(Child, Guard)> {
    let child = command.process_group(0).spawn()?;
    let guard = Guard::of_job(Pid::from_raw(child.id() as i32));
    Ok((child, guard))
}

/// Whether somebody wants this process to end.
pub fn is_requested() -> bool {
    REQUESTED.load(Ordering::Acquire)
}

/// Takes the signals from now on; to be called before any thread is started.
pub fn install() -> io::Result<()> {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // Threads inherit it; children do not, since `Command` gives them an empty mask.
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
    thread::Builder::new()
        .name("naru-signals".into())
        .spawn(move || take(&signals))?;
    Ok(())
}

fn take(signals: &SignalFd) {
    if signals.read_signal().is_err() {
        return;
    }
    REQUESTED.store(true, Ordering::Release);
    eprintln!("naru-bench: interrupted; ending what was started (again: at once)");
    kill(|guarded| guarded.directory.is_none());
    let mut again = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    let patience = PollTimeout::try_from(ORDERLY_TIME_MAX).unwrap_or(PollTimeout::MAX);
    // An error ends the patience, too.
    let _ = poll(&mut again, patience);
    kill(|_| true);
    for directory in guarded()
        .iter()
        .filter_map(|guarded| guarded.directory.as_ref())
    {
        // The killed may still be writing their last; what cannot be removed stays.
        let _ = std::fs::remove_dir_all(directory);
    }
    exit(INTERRUPTED);
}

fn kill(is_meant: impl Fn(&Guarded) -> bool) {
    for guarded in guarded().iter().filter(|guarded| is_meant(guarded)) {
        // Errors mean that it has ended.
        let _ = killpg(guarded.group, Signal::SIGKILL);
    }
}

fn guarded() -> MutexGuard<'static, Vec<Guarded>> {
    GUARDED.lock().unwrap_or_else(PoisonError::into_inner)
}
