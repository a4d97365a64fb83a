//! What readers cost the device, on the ring: by the kernel's count of what this process had
//! read from storage. The only story here: the count is the process's.
#![allow(clippy::unwrap_used)]

mod world;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Fence, Log, LogConfig, Shared, Stamp, TailBudget};
use naru_runtime::{Handle, RingConfig, Runtime};
use world::batch;

const BATCHES: i64 = 256;
const BATCH_BYTES: usize = 128 << 10;
const LOG_BYTES: u64 = BATCHES as u64 * BATCH_BYTES as u64;

fn device_bytes() -> u64 {
    let counts = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = counts.lines().find(|line| line.starts_with("read_bytes"));
    line.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

/// Reads from `from` on to the end and on from the start, at least as much as there is;
/// returns how much.
async fn read_round(log: &Log<Handle>, from: i64) -> u64 {
    let (mut at, mut bytes) = (from, 0);
    while bytes < LOG_BYTES {
        let read = log.read(at, 1 << 20, true).await.unwrap();
        let length: usize = read.iter().map(Bytes::len).sum();
        assert!(
            length > 0 && length.is_multiple_of(BATCH_BYTES),
            "{length} bytes at {at}"
        );
        at = (at + (length / BATCH_BYTES) as i64) % BATCHES;
        bytes += length as u64;
    }
    bytes
}

/// Issue 8, A2: with five readers nothing was delivered while the disk read 1 GB/s.
#[test]
fn many_cold_readers_cost_the_device_about_one_read() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let runtime = Runtime::new(RingConfig::default()).unwrap();
    let io = runtime.handle();
    let shared = Shared {
        fence: Fence::new(dir.path().to_owned()),
        tails: Rc::new(TailBudget::new(2 * LOG_BYTES as usize)),
    };
    let log_dir = dir.path().join("topic-0");
    runtime.run(async {
        let log = Log::create(io.clone(), log_dir, LogConfig::default(), shared);
        for number in 0..BATCHES {
            let batch = batch(BATCH_BYTES, number as u64);
            log.append(&batch, Stamp::default(), 0).unwrap();
            log.flushed(number + 1).await.unwrap();
        }
        for readers in [1, 2, 5, 8] {
            log.rest();
            log.rest();
            let before = device_bytes();
            let delivered = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..readers)
                .map(|reader| {
                    let (log, delivered) = (log.clone(), Rc::clone(&delivered));
                    io.spawn_task(async move {
                        let read = read_round(&log, reader * BATCHES / readers).await;
                        delivered.set(delivered.get() + read);
                    })
                })
                .collect();
            for task in tasks {
                task.await;
            }
            assert!(delivered.get() >= readers as u64 * LOG_BYTES);
            let read = device_bytes() - before;
            // A reader's first extents may be read by two: as the end of one, and as a whole.
            let most = LOG_BYTES + LOG_BYTES / 4;
            assert!(
                read <= most,
                "{readers} readers: {read} of {LOG_BYTES} bytes"
            );
        }
    });
}
