//! What `everything_together` found, each with as little as shows it.
#![allow(clippy::unwrap_used)]

mod world;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, Stamp};
use naru_engine::recovery::{Replay, recover};
use naru_record_batch::{BatchBuilder, NewRecord};
use naru_runtime::{Disk, Spawn};
use world::{Known, config, dir, machine, shared, shared_of};

fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
    let mut context = Context::from_waker(Waker::noop());
    future.poll(&mut context).is_pending()
}

/// The checkpoint named the end from before the truncation: recovery began within a batch, and
/// the partition went offline, or lost what was flushed after that place.
#[test]
fn a_checkpoint_does_not_outlive_a_truncation_that_overtook_it() {
    for seed in 0..20 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = Log::create(env.clone(), dir(), LogConfig::default(), shared());
            for _ in 0..10 {
                known.append(&log, 300).unwrap();
            }
            let mut checkpoint = pin!(log.checkpoint(Bytes::new()));
            assert!(is_pending(checkpoint.as_mut()), "it waits for the flush");
            assert_eq!(log.truncate_to(5).await.unwrap(), 5);
            known.0.borrow_mut().appended.truncate(5);
            for _ in 0..20 {
                known.append(&log, 500).unwrap();
            }
            known.flush(&log).await.unwrap();
            checkpoint.await.unwrap();
        })
        .unwrap();
        let after = sim.power_cut(seed);
        let found = after.run(recover(&after.env(), &dir(), 0, &mut |_| {}));
        assert_eq!(found.unwrap().unwrap().next_offset, 25, "seed {seed}");
    }
}

/// It waited for the file of a segment that it does not have.
#[test]
fn a_log_that_never_had_a_record_closes() {
    let sim = machine(1);
    let env = sim.env();
    let closed = sim.run(async {
        let log = Log::create(env.clone(), dir(), LogConfig::default(), shared());
        log.close(Bytes::new()).await
    });
    closed.unwrap().unwrap();
}

/// The flush under way ended after its waiters were told of an error, and moved the high
/// watermark.
#[test]
fn nothing_is_seen_after_its_producer_was_told_of_an_error() {
    let mut errors = 0;
    for seed in 0..200 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = Log::create(env.clone(), dir(), LogConfig::default(), shared());
            // The second is too large to be durable with its write.
            for size in [100, 600_000] {
                let end = known.append(&log, size).unwrap();
                let told = log.flushed(end);
                for _ in 0..seed % 20 {
                    env.list(&dir()).await.ok();
                }
                if size > 100 {
                    log.abandon();
                }
                let told = told.await;
                for _ in 0..100 {
                    env.list(&dir()).await.ok();
                }
                let is_seen = log.flushed_offset() >= end;
                assert_eq!(is_seen, told.is_ok(), "seed {seed}");
                errors += u32::from(told.is_err());
            }
        })
        .unwrap();
    }
    assert!(errors > 20 && errors < 200, "{errors}");
}

/// It put a checkpoint where the directory was being made: an error, or a directory that was
/// taken for that of another log.
#[test]
fn records_are_deleted_while_the_directory_is_made() {
    for seed in 0..100 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = Log::create(env.clone(), dir(), LogConfig::default(), shared());
            known.append(&log, 100).unwrap();
            for _ in 0..seed % 10 {
                env.list(&dir()).await.ok();
            }
            log.advance_start(0).await.unwrap();
            known.flush(&log).await.unwrap();
        })
        .unwrap();
    }
}

/// A reader who needed the new end joined the load of an older one, which was promised to have
/// whole blocks, and was told that the segment is damaged.
#[test]
fn nobody_joins_the_load_of_an_end_that_has_grown_since() {
    for seed in 0..200 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            // No memory: all is read from the disk.
            let log = Log::create(env.clone(), dir(), LogConfig::default(), shared_of(1));
            for _ in 0..30 {
                let end = known.append(&log, 300).unwrap();
                log.flushed(end).await.unwrap();
                let reader = log.clone();
                env.spawn(async move {
                    reader.read(0, 1 << 20, true).await.unwrap();
                });
            }
            log.read(0, 1 << 20, true).await.unwrap();
        })
        .unwrap();
    }
}

/// DeleteRecords up to within a batch: its first records were the answer all the same, and a
/// consumer that began there was out of range.
#[test]
fn a_time_is_not_answered_with_a_record_that_was_deleted() {
    let sim = machine(1);
    let env = sim.env();
    let found = sim.run(async {
        let log = Log::create(env.clone(), dir(), LogConfig::default(), shared());
        let mut batch = BatchBuilder::default();
        for timestamp_ms in [100, 200, 300] {
            batch.push(&NewRecord {
                timestamp_ms,
                ..NewRecord::default()
            });
        }
        let batch = Bytes::from(batch.build().unwrap());
        log.append(&batch, Stamp::default(), 0).unwrap();
        log.flushed(3).await.unwrap();
        log.advance_start(1).await.unwrap();
        log.offset_for_timestamp(50).await.unwrap()
    });
    assert_eq!(found.unwrap(), Some((1, 200)));
}

/// A removal, or a checkpoint, that was under way when the log was closed went on afterwards, in
/// a directory that recovery was reading.
#[test]
fn nothing_touches_the_directory_of_a_log_that_is_closed() {
    for seed in 0..100 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = Log::create(env.clone(), dir(), config(), shared());
            for _ in 0..8 {
                known.append(&log, 100_000).unwrap();
            }
            known.flush(&log).await.unwrap();
            let (retained, advanced, written) = (log.clone(), log.clone(), log.clone());
            env.spawn(async move {
                let _ = retained.drop_expired(0).await;
            });
            env.spawn(async move {
                let _ = advanced.advance_start(7).await;
            });
            env.spawn(async move {
                let _ = written.checkpoint(Bytes::new()).await;
            });
            for _ in 0..seed % 20 {
                env.list(&dir()).await.unwrap();
            }
            log.close(Bytes::new()).await.unwrap();
            let closed = sim.contents(&dir()).unwrap();
            for _ in 0..200 {
                env.list(&dir()).await.unwrap();
            }
            assert!(sim.contents(&dir()).unwrap() == closed, "seed {seed}");
        })
        .unwrap();
    }
}

/// Batches were taken back for want of room while the log was being closed: its clean checkpoint
/// said that the owner's state was of the end without them, and it was of the end with them.
#[test]
fn the_owner_s_state_is_of_the_end_that_the_checkpoint_names() {
    let mut refused = 0;
    for seed in 0..200 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = Log::create(env.clone(), dir(), config(), shared());
            for _ in 0..8 {
                known.append(&log, 100_000).unwrap();
            }
            known.flush(&log).await.unwrap();
            let retained = log.clone();
            env.spawn(async move {
                let _ = retained.drop_expired(0).await;
            });
            for _ in 0..seed % 10 {
                env.list(&dir()).await.unwrap();
            }
            sim.set_room(0);
            known.append(&log, 150_000).unwrap();
            let owner = log.end_offset().to_le_bytes();
            let closed = log.close(Bytes::copy_from_slice(&owner)).await;
            refused += u32::from(closed.is_err());
        })
        .unwrap();
        let after = sim.kill(seed);
        after.set_room(u64::MAX);
        let mut owner = None;
        let found = after.run(recover(&after.env(), &dir(), 0, &mut |replay| {
            if let Replay::UserState(bytes) = replay {
                owner = Some(i64::from_le_bytes(bytes.try_into().unwrap()));
            }
        }));
        let end = found.unwrap().unwrap().next_offset;
        assert!(owner.is_none_or(|owner| owner <= end), "seed {seed}");
    }
    assert!(refused > 0, "there was always room");
}
