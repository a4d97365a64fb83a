//! The bytes between two offsets are told to the byte, wherever the offsets are: at index
//! entries or between them, at the end, in a segment that is sealed, before a restart or after.
#![allow(clippy::unwrap_used)]

mod world;

use naru_engine::log::{Log, LogConfig, ReadError};
use naru_runtime::sim::SimEnv;
use world::{Known, dir, machine, open, shared};

/// Batches of all sizes around the distance of two index entries.
const SIZES: [usize; 9] = [100, 5_000, 64_000, 70_000, 300, 9_000, 61, 200_000, 1_000];

fn config(segment_bytes: u64) -> LogConfig {
    LogConfig {
        segment_bytes,
        ..LogConfig::default()
    }
}

async fn bytes_between(log: &Log<SimEnv>, from: i64, to: i64) -> u64 {
    let from = log.offset_metadata(from).await.unwrap();
    let to = log.offset_metadata(to).await.unwrap();
    assert!(!from.is_on_older_segment_than(&to));
    from.bytes_to(&to)
}

#[test]
fn bytes_between_offsets_are_exact() {
    let sim = machine(5);
    let known = Known::default();
    let env = sim.env();
    sim.run(async {
        let config = config(1 << 20);
        let mut log = Log::create(env.clone(), dir(), config.clone(), shared());
        for size in SIZES {
            known.append(&log, size).unwrap();
        }
        known.flush(&log).await.unwrap();
        for is_reopened in [false, true] {
            if is_reopened {
                log.close(bytes::Bytes::new()).await.unwrap();
                log = open(&env, config.clone()).await.unwrap();
            }
            let sizes: Vec<u64> = {
                let known = known.0.borrow();
                known.appended.iter().map(|b| b.len() as u64).collect()
            };
            for from in 0..=sizes.len() {
                for to in from..=sizes.len() {
                    let expected: u64 = sizes[from..to].iter().sum();
                    let found = bytes_between(&log, from as i64, to as i64).await;
                    assert_eq!(found, expected, "{from} to {to}");
                    let back = bytes_between(&log, to as i64, from as i64).await;
                    assert_eq!(back, 0, "{to} back to {from}");
                }
            }
        }
    })
    .unwrap();
}

#[test]
fn what_is_not_flushed_counts_for_nothing() {
    let sim = machine(6);
    let known = Known::default();
    sim.run(async {
        let log = Log::create(sim.env(), dir(), config(1 << 20), shared());
        known.append(&log, 500).unwrap();
        known.flush(&log).await.unwrap();
        known.append(&log, 700).unwrap();
        assert_eq!(bytes_between(&log, 1, 2).await, 0);
        assert_eq!(bytes_between(&log, 0, 2).await, 500);
        let beyond = log.offset_metadata(3).await;
        assert!(matches!(beyond, Err(ReadError::OffsetOutOfRange { .. })));
    })
    .unwrap();
}

#[test]
fn an_older_segment_is_told_from_the_one_of_the_end() {
    let sim = machine(7);
    let known = Known::default();
    sim.run(async {
        let log = Log::create(sim.env(), dir(), config(100_000), shared());
        for _ in 0..3 {
            known.append(&log, 60_000).unwrap();
        }
        known.flush(&log).await.unwrap();
        let end = log.offset_metadata(3).await.unwrap();
        for offset in 0..2 {
            let older = log.offset_metadata(offset).await.unwrap();
            assert!(older.is_on_older_segment_than(&end), "offset {offset}");
            assert_eq!(older.bytes_to(&end), 0);
            assert!(!end.is_on_older_segment_than(&older));
        }
        let active = log.offset_metadata(2).await.unwrap();
        assert!(!active.is_on_older_segment_than(&end));
        assert_eq!(active.bytes_to(&end), 60_000);
    })
    .unwrap();
}
