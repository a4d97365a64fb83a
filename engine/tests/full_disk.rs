//! The disk is full, and later it is not: a batch that did not fit is gone for good when its
//! producer is told, and the log goes on without a restart.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, LogError, Stamp};
use naru_runtime::Disk;
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use world::{Known, batch, check, check_open, config, dir, machine, open, read_all, shared};

fn is_full(answer: &Result<(), LogError>) -> bool {
    matches!(answer, Err(LogError::Full { .. }))
}

async fn some_operations(env: &SimEnv, count: u64) {
    for _ in 0..count {
        env.list(&dir()).await.unwrap();
    }
}

/// Appends as a producer that retries, until the log takes it.
async fn append_when_there_is_room(env: &SimEnv, log: &Log<SimEnv>, known: &Known, size: usize) {
    for _ in 0..50 {
        match known.append(log, size) {
            Ok(_) => return,
            Err(error) => assert!(matches!(error, LogError::Full { .. }), "{error}"),
        }
        some_operations(env, 10).await;
    }
    panic!("there is room, and the log takes nothing");
}

/// Reserving space ahead is a favour: `ENOSPC` and `EOPNOTSUPP` of it, or of the zeros, closed
/// a log whose record would have fitted.
#[test]
fn space_that_cannot_be_prepared_closes_nothing() {
    for errno in [libc::ENOSPC, libc::EOPNOTSUPP, libc::EIO] {
        // A large group is reserved for, a small one gets zeros.
        for (kind, size) in [(OpKind::Allocate, 200_000), (OpKind::Write, 2_000)] {
            let story = format!("{kind:?} fails with {errno}");
            let sim = machine(1);
            let env = sim.env();
            let known = Known::default();
            sim.run(async {
                let log = open(&env, config()).await.unwrap();
                // The first write of all is that of the directory's identity.
                let number = sim.operations_of(kind) + u64::from(kind == OpKind::Write);
                sim.fail(kind, number, errno);
                for size in [size, 90_000, 300, 400_000, 5_000] {
                    known.append(&log, size).unwrap();
                    known
                        .flush(&log)
                        .await
                        .unwrap_or_else(|e| panic!("{story}: {e}"));
                }
                check_open(&log, &known, 5, &story).await;
            })
            .unwrap();
            let after = sim.power_cut(1);
            after
                .run(check(&after.env(), &known, 5, &story))
                .expect(&story);
        }
    }
}

/// After the error the batch became visible with the next write, and appends failed for good.
#[test]
fn a_batch_that_found_no_room_is_gone_and_the_log_goes_on() {
    for seed in 0..100 {
        let story = format!("seed {seed}");
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = open(&env, config()).await.unwrap();
            for size in [50_000, 3_000, 90_000] {
                known.append(&log, size).unwrap();
                known.flush(&log).await.unwrap();
            }
            sim.set_room(seed * 3_000);
            let before = known.appended();
            let waiters: Vec<_> = [100_000, 200, 300_000, 100]
                .into_iter()
                .map(|size| {
                    known.append(&log, size).unwrap();
                    let end = known.appended();
                    (end, log.written(end), log.flushed(end))
                })
                .collect();
            let mut kept = before;
            for (end, written, flushed) in waiters {
                let written = written.await;
                assert_eq!(is_full(&written), written.is_err(), "{story}: {written:?}");
                assert_eq!(is_full(&flushed.await), written.is_err(), "{story}");
                if written.is_ok() {
                    assert_eq!(kept + 1, end, "{story}: there is a gap");
                    kept = end;
                }
            }
            // Who comes late is told as well.
            let all = known.appended();
            assert!(kept == all || is_full(&log.flushed(all).await), "{story}");
            assert_eq!(log.end_offset(), kept, "{story}");
            assert_eq!(log.taken_back(), (kept < all).then_some(kept), "{story}");
            assert_eq!(log.taken_back(), None);
            {
                let mut promises = known.0.borrow_mut();
                promises.appended.truncate(kept as usize);
                promises.flushed = kept;
            }
            check_open(&log, &known, kept, &story).await;
            // Nor does its timestamp stay.
            let newest = log.offset_of_max_timestamp().await.unwrap();
            assert_eq!(newest, Some((kept - 1, 999 + kept)), "{story}");
            sim.set_room(u64::MAX);
            for size in [100_000, 70, 300_000] {
                append_when_there_is_room(&env, &log, &known, size).await;
                known.flush(&log).await.unwrap();
            }
            check_open(&log, &known, known.flushed(), &story).await;
            let last = known.appended() - 1;
            let newest = log.offset_of_max_timestamp().await.unwrap();
            assert_eq!(newest, Some((last, 1_000 + last)), "{story}");
        })
        .expect(&story);
        for after in [sim.kill(seed), sim.power_cut(seed)] {
            let known = known.fork();
            let acked = known.flushed();
            after
                .run(check(&after.env(), &known, acked, &story))
                .expect(&story);
        }
    }
}

/// The life of a log on a disk that fills up, gets room, and fills up again.
async fn up_and_down(sim: &Sim, known: &Known) {
    let env = sim.env();
    let log = open(&env, config()).await.unwrap();
    for round in 0..3 {
        sim.set_room(150_000 * round);
        for size in [100_000, 6_000, 90_000, 20_000, 80_000] {
            match known.append(&log, size) {
                Ok(end) => {
                    let is_kept = log.flushed(end).await.is_ok();
                    let mut promises = known.0.borrow_mut();
                    if is_kept {
                        promises.flushed = end;
                        promises.written = end;
                    } else {
                        promises.appended.truncate(log.end_offset() as usize);
                    }
                }
                Err(error) => assert!(matches!(error, LogError::Full { .. }), "{error}"),
            }
        }
        sim.set_room(u64::MAX);
        append_when_there_is_room(&env, &log, known, 40_000 + round as usize).await;
        known.flush(&log).await.unwrap();
    }
    assert_eq!(log.end_offset(), known.flushed());
}

/// The world ends at every operation while a disk fills and empties: what was acknowledged is
/// there, and no producer who was told of an error sees its batch.
#[test]
fn a_crash_on_a_full_disk_brings_nothing_back() {
    for seed in [3, 4] {
        let whole = machine(seed);
        whole.run(up_and_down(&whole, &Known::default())).unwrap();
        for operation in 0..=whole.operations() {
            let (sim, known) = (machine(seed), Known::default());
            sim.crash_at(operation);
            let _ = sim.run(up_and_down(&sim, &known));
            for image in 0..3 {
                let story = format!("seed {seed}, operation {operation}, image {image}");
                let after = match image {
                    0 => sim.kill(operation),
                    _ => sim.power_cut(operation * 3 + image),
                };
                after.set_room(u64::MAX);
                let (known, acked) = (known.fork(), known.flushed());
                after
                    .run(check(&after.env(), &known, acked, &story))
                    .expect(&story);
            }
        }
    }
}

/// The file of the next segment cannot be made, at any of its steps; later it can.
#[test]
fn a_segment_that_could_not_be_made_is_made_later() {
    for kind in [OpKind::Open, OpKind::SyncDir, OpKind::SetLength] {
        let sim = machine(5);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = open(&env, config()).await.unwrap();
            known.append(&log, 200_000).unwrap();
            known.flush(&log).await.unwrap();
            some_operations(&env, 20).await;
            sim.fail_from(kind, sim.operations_of(kind), libc::ENOSPC);
            let end = known.append(&log, 100_000).unwrap();
            let answer = log.flushed(end).await;
            if kind == OpKind::SetLength {
                // The file cannot be cut either: what is in it is not known.
                assert!(matches!(answer, Err(LogError::Io { .. })), "{answer:?}");
                return;
            }
            assert!(is_full(&answer), "{kind:?}: {answer:?}");
            known.0.borrow_mut().appended.truncate(1);
            for _ in 0..3 {
                assert!(known.append(&log, 100_000).is_err());
                some_operations(&env, 30).await;
            }
            sim.heal();
            append_when_there_is_room(&env, &log, &known, 100_000).await;
            known.flush(&log).await.unwrap();
            check_open(&log, &known, 2, "with room").await;
        })
        .unwrap();
        let after = sim.power_cut(5);
        after
            .run(check(&after.env(), &known, known.flushed(), "afterwards"))
            .unwrap();
    }
}

/// Retention may remove what it likes on a full disk, and a removal is a reason to look again.
#[test]
fn retention_goes_on_without_room_and_looks_for_it() {
    let sim = machine(6);
    let env = sim.env();
    let known = Known::default();
    sim.run(async {
        let log = Log::create(env.clone(), dir(), world::config(), shared());
        for _ in 0..20 {
            known.append(&log, 50_000).unwrap();
            known.flush(&log).await.unwrap();
        }
        sim.set_room(0);
        let end = known.append(&log, 100_000).unwrap();
        assert!(is_full(&log.flushed(end).await));
        known.0.borrow_mut().appended.truncate(20);
        assert!(!log.drop_expired(0).await.unwrap().is_empty());
        sim.set_room(u64::MAX);
        log.drop_expired(0).await.unwrap();
        some_operations(&env, 50).await;
        known.append(&log, 100_000).unwrap();
        known.flush(&log).await.unwrap();
        assert_eq!(
            read_all(&log).await.unwrap().len() as i64,
            21 - log.start_offset()
        );
        log.close(Bytes::new()).await.unwrap();
    })
    .unwrap();
}

/// A log that failed for another reason stays closed, whatever retention sets going.
#[test]
fn a_log_closed_by_a_failed_write_writes_nothing_again() {
    let sim = machine(8);
    let env = sim.env();
    let known = Known::default();
    let config = || LogConfig {
        retention_ms: Some(1),
        ..LogConfig::default()
    };
    sim.run(async {
        let log = Log::create(env.clone(), dir(), config(), shared());
        known.append(&log, 50_000).unwrap();
        known.flush(&log).await.unwrap();
        some_operations(&env, 20).await;
        sim.fail(OpKind::Write, sim.operations_of(OpKind::Write), libc::EIO);
        sim.fail(
            OpKind::Write,
            sim.operations_of(OpKind::Write) + 1,
            libc::EIO,
        );
        let end = known.append(&log, 600_000).unwrap();
        let failed = log.written(end).await;
        assert!(
            matches!(failed, Err(LogError::WriteFailed { .. })),
            "{failed:?}"
        );
        assert!(log.drop_expired(i64::MAX).await.is_err());
        some_operations(&env, 100).await;
        assert_eq!((log.written_offset(), log.flushed_offset()), (1, 1));
        assert!(log.append(&batch(100, 1), Stamp::default(), 0).is_err());
    })
    .unwrap();
}
