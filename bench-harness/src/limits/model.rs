//! [`Limits`]: what was measured, and the measuring of all of it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::LimitsError;
use super::probe;
use crate::measure::Environment;
use crate::workload::ByteSize;

/// Block sizes of the disk's probes, in bytes.
pub(super) const BLOCKS_BYTES: [u64; 5] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20];

/// Writes that are under way at once.
pub(super) const DEPTHS: [u32; 2] = [1, 8];

const CHECKSUM_BLOCKS_BYTES: [u64; 3] = [1 << 10, 16 << 10, 1 << 20];

/// What this machine can do. MB and GB are 10^6 and 10^9 bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Limits {
    pub environment: Environment,
    pub seconds_per_probe: f64,
    /// Every block size at every depth, flushed and not.
    pub disk_writes: Vec<DiskWrites>,
    pub turn: Turn,
    pub stream: Stream,
    /// One thread, between buffers larger than the caches.
    pub memory_copy_gb_per_second: f64,
    pub checksums: Vec<Checksum>,
}

/// Direct writes one after the other, into space that was written before.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct DiskWrites {
    pub block_bytes: u64,
    /// Writes under way at once.
    pub depth: u32,
    /// Whether every write is followed by a flush of its own, which the next write of its row waits
    /// for.
    pub is_flushed: bool,
    pub mb_per_second: f64,
    pub writes_per_second: f64,
    /// Until written, and flushed where `is_flushed`.
    pub latency_us_p50: u64,
    pub latency_us_p99: u64,
    /// Of the whole process, the kernel's workers for it included.
    pub cpu_s_per_gb: f64,
}

impl DiskWrites {
    pub(super) fn name(&self) -> String {
        let kind = if self.is_flushed {
            "flushed writes"
        } else {
            "writes"
        };
        let size = ByteSize(self.block_bytes);
        format!("{kind} of {size}, {} at once", self.depth)
    }
}

/// A request and its answer over loopback, between two threads, one at a time.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Turn {
    pub message_bytes: u64,
    pub us_mean: f64,
    pub us_p50: u64,
    pub cpu_us_client: f64,
    pub cpu_us_server: f64,
}

/// One connection over loopback, written to and read from in large pieces by two threads.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Stream {
    pub piece_bytes: u64,
    pub mb_per_second: f64,
    pub cpu_s_per_gb_sender: f64,
    pub cpu_s_per_gb_receiver: f64,
}

/// CRC-32C of blocks in the cache, one thread.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Checksum {
    pub block_bytes: u64,
    pub gb_per_second: f64,
}

/// Measures everything, for `seconds` per probe; files are made in `dir` and removed. `progress`
/// hears what comes next.
///
/// # Errors
/// When a probe cannot run; the error says what it needs.
pub fn measure(
    dir: &Path,
    seconds: f64,
    progress: &mut dyn FnMut(&str),
) -> Result<Limits, LimitsError> {
    progress("disk: making room");
    let disk = probe::Disk::prepare(dir)?;
    let mut disk_writes = Vec::new();
    for is_flushed in [false, true] {
        for depth in DEPTHS {
            for block_bytes in BLOCKS_BYTES {
                let mut writes = DiskWrites {
                    block_bytes,
                    depth,
                    is_flushed,
                    ..DiskWrites::default()
                };
                progress(&format!("disk: {}", writes.name()));
                disk.write(&mut writes, seconds)?;
                disk_writes.push(writes);
            }
        }
    }
    drop(disk);
    progress("loopback: requests and answers");
    let turn = probe::turn(seconds)?;
    progress("loopback: one stream");
    let stream = probe::stream(seconds)?;
    progress("memory: copying");
    let memory_copy_gb_per_second = probe::memory_copy(seconds);
    progress("CRC-32C");
    let checksums = CHECKSUM_BLOCKS_BYTES.map(|bytes| probe::checksum(bytes, seconds));
    Ok(Limits {
        environment: Environment::of(dir),
        seconds_per_probe: seconds,
        disk_writes,
        turn,
        stream,
        memory_copy_gb_per_second,
        checksums: checksums.into(),
    })
}
