//! What the machine is, as far as a default depends on it.
//!
//! Read once at start, so that loading a configuration is a pure function and a test can say
//! which machine it runs on.

use std::fs;
use std::net::ToSocketAddrs;
use std::num::NonZeroUsize;
use std::thread;

/// Taken where the machine does not tell: small enough for any machine that can run a broker.
const MEMORY_UNKNOWN_BYTES: u64 = 1 << 30;

/// The facts that defaults are computed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Cores that this process may run on.
    pub cores: usize,
    pub memory_bytes: u64,
    /// The name under which clients reach this machine when `listeners` names no host.
    pub hostname: String,
}

impl Machine {
    /// Asks the kernel.
    pub fn detect() -> Self {
        Self {
            cores: thread::available_parallelism().map_or(1, NonZeroUsize::get),
            memory_bytes: memory_bytes().unwrap_or(MEMORY_UNKNOWN_BYTES),
            hostname: hostname().unwrap_or_else(|| "localhost".into()),
        }
    }
}

fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    kib.checked_mul(1024)
}

/// The host's name, if it resolves here: a name that not even this machine can look up would
/// send every client away.
fn hostname() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = text.trim();
    let resolves = (name, 0u16).to_socket_addrs().ok()?.next().is_some();
    (resolves && !name.is_empty()).then(|| name.to_owned())
}
