//! How fast one thread copies memory that is in no cache: what every copy of a record costs at
//! least.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use crate::workload::ByteSize;

/// Both buffers together, in bytes, when the caches are small or unknown.
const BUFFERS_BYTES_MIN: u64 = 128 << 20;

/// And when they are huge: memory that others may need.
const BUFFERS_BYTES_MAX: u64 = 1 << 30;

/// In units of 10^9 bytes a second.
pub(in super::super) fn memory_copy(seconds: f64) -> f64 {
    let bytes = (2 * largest_cache_bytes()).clamp(BUFFERS_BYTES_MIN, BUFFERS_BYTES_MAX) / 2;
    // Not zeros: those would all be one page of the kernel's until they are written.
    let from = vec![1_u8; bytes as usize];
    let mut to = vec![2_u8; bytes as usize];
    let began = Instant::now();
    let mut rounds = 0_u64;
    loop {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        rounds += 1;
        let elapsed = began.elapsed().as_secs_f64().max(1e-9);
        if elapsed >= seconds {
            return (rounds * bytes) as f64 / 1e9 / elapsed;
        }
    }
}

/// Of the first CPU; 0 when the kernel does not say.
fn largest_cache_bytes() -> u64 {
    let sizes = (0..8).filter_map(|index| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        // Such as `32K`, in units of 1024.
        let ByteSize(bytes) = fs::read_to_string(path).ok()?.trim().parse().ok()?;
        Some(bytes)
    });
    sizes.max().unwrap_or_default()
}
