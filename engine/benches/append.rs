//! What it takes to append and to read on the ring and a real directory.
//!
//! - `append and flush`: one batch, then its flush; and 16 batches that share one.
//! - `read 1 MiB/tail`: of the newest 2 MiB, from memory.
//! - `read 1 MiB/cold`: of 32 MiB of a segment, from its file by direct I/O.
//!
//! The device decides most of the figures; compare only within one machine. The directory
//! is cargo's target directory, or what `TMPDIR` says if it is set.
//!
//! `cargo bench -p naru-engine --bench append`
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use naru_engine::log::{Fence, Log, LogConfig, Shared, Stamp, TailBudget};
use naru_record_batch::{Attributes, BatchHeader, HEADER_BYTES, MAGIC, stamp_max_timestamp};
use naru_runtime::{Handle, RingConfig, Runtime};

const READ_BYTES: usize = 1 << 20;
const SEGMENT_BYTES: u64 = 64 << 20;

fn batch(size: usize) -> Bytes {
    let mut bytes = vec![7; size];
    let header = BatchHeader {
        base_offset: 0,
        batch_length: (size - 12) as i32,
        partition_leader_epoch: -1,
        magic: MAGIC,
        crc: 0,
        attributes: Attributes(0),
        last_offset_delta: 0,
        base_timestamp_ms: 1,
        max_timestamp_ms: 1,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        records_count: 1,
    };
    assert!(size > HEADER_BYTES);
    header.write_to(&mut bytes);
    stamp_max_timestamp(&mut bytes, 1);
    Bytes::from(bytes)
}

fn directory() -> tempfile::TempDir {
    match std::env::var_os("TMPDIR") {
        Some(parent) => tempfile::tempdir_in(PathBuf::from(parent)).unwrap(),
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
    }
}

fn create(io: &Handle, parent: &Path, name: &str, tail_bytes: usize) -> Log<Handle> {
    let config = LogConfig {
        segment_bytes: SEGMENT_BYTES,
        retention_bytes: Some(2 * SEGMENT_BYTES),
        ..LogConfig::default()
    };
    let shared = Shared {
        fence: Fence::new(parent.to_owned()),
        tails: Rc::new(TailBudget::new(tail_bytes)),
    };
    Log::create(io.clone(), parent.join(name), config, shared)
}

/// Appends `together` batches and flushes them, `count` times; only that is timed.
async fn append(log: &Log<Handle>, batch: &Bytes, together: usize, count: u64) -> Duration {
    let mut taken = Duration::ZERO;
    let mut appended_bytes = 0;
    for _ in 0..count {
        let begin = Instant::now();
        for _ in 0..together {
            log.append(batch, Stamp::default(), 0).unwrap();
        }
        log.flushed(log.end_offset()).await.unwrap();
        taken += begin.elapsed();
        appended_bytes += batch.len() * together;
        if appended_bytes as u64 > SEGMENT_BYTES {
            appended_bytes = 0;
            for dropped in log.drop_expired(0).await.unwrap() {
                std::fs::remove_file(dropped).unwrap();
            }
        }
    }
    taken
}

/// Reads from `from` on, to `end` and again from `from`, `count` times.
async fn read(log: &Log<Handle>, from: i64, end: i64, count: u64) -> Duration {
    let mut at = from;
    let begin = Instant::now();
    for _ in 0..count {
        let pieces = log.read(at, READ_BYTES, true).await.unwrap();
        let mut bytes: usize = pieces.iter().map(Bytes::len).sum();
        // All batches are of one size: the next offset follows from what was read.
        bytes /= 16 << 10;
        at += bytes as i64;
        if at + (READ_BYTES >> 14) as i64 > end {
            at = from;
        }
    }
    begin.elapsed()
}

fn appends(criterion: &mut Criterion) {
    let dir = directory();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    let mut group = criterion.benchmark_group("append and flush");
    group.sample_size(20);
    for size in [1 << 10, 16 << 10, 1 << 20] {
        for together in [1, 16] {
            let name = format!("{}x{}KiB", together, size >> 10);
            let batch = batch(size);
            let log = create(&io, dir.path(), &name, 64 << 20);
            group.throughput(Throughput::Bytes((size * together) as u64));
            group.bench_function(BenchmarkId::from_parameter(&name), |bencher| {
                bencher.iter_custom(|count| runtime.run(append(&log, &batch, together, count)));
            });
        }
    }
}

fn reads(criterion: &mut Criterion) {
    let dir = directory();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    let batch = batch(16 << 10);
    let mut group = criterion.benchmark_group("read 1 MiB");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(READ_BYTES as u64));
    for (name, tail_bytes) in [("tail", 64 << 20), ("cold", 16 << 20)] {
        let log = create(&io, dir.path(), name, tail_bytes);
        // 2 MiB stay in the tail; 32 MiB are far more than the extents that are kept.
        let batches = if name == "tail" { 128 } else { 2048 };
        runtime.run(append(&log, &batch, 16, batches / 16));
        if name == "cold" {
            // Twice: the first call only notes that the log was busy.
            log.rest();
            log.rest();
        }
        let end = log.end_offset();
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|count| runtime.run(read(&log, 0, end, count)));
        });
    }
}

criterion_group!(benches, appends, reads);
criterion_main!(benches);
