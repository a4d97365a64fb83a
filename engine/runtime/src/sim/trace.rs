//! What a simulation did, boiled down to a number: two runs of one seed must agree on it.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

const FNV_OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01B3;

/// Everything that was sent and written, in order and with its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// FNV-1a over all of it.
    pub hash: u64,
    /// Bytes that went over the network.
    pub network_bytes: u64,
    /// Bytes that were written to disks.
    pub disk_bytes: u64,
    /// The time that passed in the simulation.
    pub elapsed: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Network,
    Disk,
}

pub(super) struct Trace {
    hash: Cell<u64>,
    network_bytes: Cell<u64>,
    disk_bytes: Cell<u64>,
}

impl Trace {
    pub fn new() -> Self {
        Self {
            hash: Cell::new(FNV_OFFSET),
            network_bytes: Cell::new(0),
            disk_bytes: Cell::new(0),
        }
    }

    pub fn record(&self, kind: Kind, at: Duration, bytes: &[u8]) {
        let total = match kind {
            Kind::Network => &self.network_bytes,
            Kind::Disk => &self.disk_bytes,
        };
        total.set(total.get() + bytes.len() as u64);
        self.mix(&[kind as u8]);
        self.mix(&at.as_nanos().to_le_bytes());
        self.mix(bytes);
    }

    fn mix(&self, bytes: &[u8]) {
        let mixed = bytes.iter().fold(self.hash.get(), |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
        });
        self.hash.set(mixed);
    }

    pub fn digest(&self, elapsed: Duration) -> Digest {
        Digest {
            hash: self.hash.get(),
            network_bytes: self.network_bytes.get(),
            disk_bytes: self.disk_bytes.get(),
            elapsed,
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:016x} ({} bytes sent, {} written, {:.1} s of simulated time)",
            self.hash,
            self.network_bytes,
            self.disk_bytes,
            self.elapsed.as_secs_f64()
        )
    }
}
