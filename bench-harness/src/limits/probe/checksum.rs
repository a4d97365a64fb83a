//! How fast one thread computes CRC-32C, which covers every record batch: a broker checks it once,
//! a consumer again.

use std::hint::black_box;
use std::time::Instant;

use naru_record_batch::crc32c;

use super::super::model::Checksum;

/// Between two looks at the clock, in bytes.
const STEP_BYTES: u64 = 1 << 20;

pub(in super::super) fn checksum(block_bytes: u64, seconds: f64) -> Checksum {
    let mut block = vec![0; block_bytes as usize];
    fastrand::Rng::with_seed(1).fill(&mut block);
    let blocks_per_step = STEP_BYTES.div_ceil(block_bytes);
    let began = Instant::now();
    let mut bytes = 0;
    loop {
        for _ in 0..blocks_per_step {
            black_box(crc32c(black_box(&block)));
        }
        bytes += blocks_per_step * block_bytes;
        let elapsed = began.elapsed().as_secs_f64().max(1e-9);
        if elapsed >= seconds {
            return Checksum {
                block_bytes,
                gb_per_second: bytes as f64 / 1e9 / elapsed,
            };
        }
    }
}
