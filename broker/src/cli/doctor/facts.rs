//! What the kernel says of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use naru_runtime::{RingConfig, Runtime};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statvfs::statvfs;
use nix::sys::utsname::uname;

use super::device::{self, Device};
use crate::config::BrokerConfig;

/// A machine, as far as a broker depends on it. What is not known is `None`.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// `uname -r`
    pub kernel: String,
    /// Why no ring could be made, with what to change.
    pub ring: Result<(), String>,
    /// `kernel.io_uring_disabled`: 0 for all, 1 for those in a group, 2 for nobody.
    pub io_uring_disabled: Option<u32>,
    /// Of `/proc/self/status`: 0 off, 1 strict, 2 a filter.
    pub seccomp: Option<u32>,
    /// `ulimit -l`
    pub locked_bytes_max: Option<u64>,
    /// `ulimit -Hn`: the broker raises the soft limit to this.
    pub files_max: Option<u64>,
    pub cores: usize,
    pub shards: usize,
    /// Of the machine, or of its control group if that has less.
    pub memory_bytes: Option<u64>,
    /// `naru.memory`
    pub naru_memory_bytes: u64,
    /// Where the data is, or will be: the part of the path that is there.
    pub directory: PathBuf,
    pub file_system: Option<String>,
    pub free_bytes: Option<u64>,
    pub total_bytes: Option<u64>,
    /// What a write past the page cache came to.
    pub direct: Result<Flushes, String>,
    pub device: Device,
}

/// Direct writes of 4 KiB, each flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushes {
    pub median: Duration,
    pub longest: Duration,
}

impl Facts {
    pub fn of(config: &BrokerConfig) -> Self {
        let directory = existing(&config.data_dir);
        let space = statvfs(&directory).ok();
        let bytes = |blocks: fn(&nix::sys::statvfs::Statvfs) -> u64| {
            let space = space.as_ref()?;
            Some(blocks(space).saturating_mul(space.fragment_size()))
        };
        Self {
            kernel: uname().map_or_else(
                |_| String::new(),
                |name| name.release().to_string_lossy().into_owned(),
            ),
            ring: ring(),
            io_uring_disabled: number("/proc/sys/kernel/io_uring_disabled"),
            seccomp: status("Seccomp:"),
            locked_bytes_max: getrlimit(Resource::RLIMIT_MEMLOCK)
                .ok()
                .map(|(soft, _)| soft),
            files_max: getrlimit(Resource::RLIMIT_NOFILE)
                .ok()
                .map(|(_, hard)| hard),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            shards: config.naru.shards,
            memory_bytes: memory_bytes(),
            naru_memory_bytes: config.naru.memory.0,
            file_system: device::file_system(&directory),
            free_bytes: bytes(|space| space.blocks_available()),
            total_bytes: bytes(|space| space.blocks()),
            direct: device::flush_directly(&directory),
            device: Device::of(&directory),
            directory,
        }
    }
}

/// Makes a ring as a shard does.
fn ring() -> Result<(), String> {
    let made = Runtime::new(RingConfig::default());
    made.map(drop).map_err(|error| error.to_string())
}

/// The directory, or the innermost one around it that is there.
fn existing(directory: &Path) -> PathBuf {
    let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let found = absolute.ancestors().find(|path| path.is_dir());
    found.unwrap_or(Path::new("/")).to_owned()
}

fn number<T: std::str::FromStr>(path: &str) -> Option<T> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn status(name: &str) -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().parse().ok()
}

/// The machine's memory, or what the control group allows of it.
fn memory_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    let allowed: Option<u64> = number("/sys/fs/cgroup/memory.max");
    Some((kib * 1024).min(allowed.unwrap_or(u64::MAX)))
}
