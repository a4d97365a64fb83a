//! What sharing a flush brings: appenders that each wait for their own batch to be flushed before
//! they append the next.
//!
//! Whoever appends while a group is under way joins the next one, so a round of all appenders costs
//! far less than as many flushes. The figure is batches per second over all appenders; the device
//! decides it, so compare only within one machine. The directory is cargo's target directory, or
//! what `TMPDIR` says if it is set.
//!
//! `cargo bench -p naru-engine --bench group_commit`
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use naru_engine::log::{Fence, Log, LogConfig, Shared, Stamp, TailBudget};
use naru_record_batch::{BatchBuilder, Codec};
use naru_runtime::{Handle, RingConfig, Runtime};

const APPENDERS: [usize; 4] = [1, 4, 16, 64];
const VALUE_BYTES: usize = 1 << 10;
const SEGMENT_BYTES: u64 = 64 << 20;

fn batch() -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push_pair(1, None, Some(&[7; VALUE_BYTES]));
    Bytes::from(builder.build().unwrap())
}

fn directory() -> tempfile::TempDir {
    match std::env::var_os("TMPDIR") {
        Some(parent) => tempfile::tempdir_in(PathBuf::from(parent)).unwrap(),
        None => tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
    }
}

fn create(io: &Handle, parent: &Path, name: &str) -> Log<Handle> {
    let config = LogConfig {
        segment_bytes: SEGMENT_BYTES,
        retention_bytes: Some(SEGMENT_BYTES),
        ..LogConfig::default()
    };
    let shared = Shared {
        fence: Fence::new(parent.to_owned()),
        tails: Rc::new(TailBudget::new(64 << 20)),
    };
    Log::create(io.clone(), parent.join(name), config, shared)
}

/// Each of `appenders` appends `count` batches, one after the other is flushed.
async fn commit(
    io: &Handle,
    log: &Log<Handle>,
    batch: &Bytes,
    appenders: usize,
    count: u64,
) -> Duration {
    let begin = Instant::now();
    let tasks: Vec<_> = (0..appenders)
        .map(|_| {
            let (log, batch) = (log.clone(), batch.clone());
            io.spawn_task(async move {
                for _ in 0..count {
                    log.append(&batch, Stamp::default(), 0).unwrap();
                    log.flushed(log.end_offset()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await;
    }
    let taken = begin.elapsed();
    for dropped in log.drop_expired(0).await.unwrap() {
        std::fs::remove_file(dropped).unwrap();
    }
    taken
}

fn commits(criterion: &mut Criterion) {
    let dir = directory();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    let batch = batch();
    let mut group = criterion.benchmark_group("group commit");
    group.sample_size(20);
    for appenders in APPENDERS {
        let log = create(&io, dir.path(), &appenders.to_string());
        group.throughput(Throughput::Elements(appenders as u64));
        group.bench_function(BenchmarkId::new("appenders", appenders), |bencher| {
            bencher.iter_custom(|count| runtime.run(commit(&io, &log, &batch, appenders, count)));
        });
    }
}

criterion_group!(benches, commits);
criterion_main!(benches);
