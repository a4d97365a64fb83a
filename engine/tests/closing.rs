//! A log is closed while somebody appends, and while a segment is on its way: what was
//! acknowledged is there afterwards, and what came too late was refused.
#![allow(clippy::unwrap_used)]

mod world;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, LogError, Stamp};
use naru_engine::recovery::recover;
use naru_runtime::sim::{OpKind, SimEnv};
use naru_runtime::{Disk, Spawn};
use world::{Known, batch, check, config, dir, machine, open, shared};

async fn some_operations(env: &SimEnv, count: u64) {
    for _ in 0..count {
        env.list(&dir()).await.unwrap();
    }
}

/// Appends were taken while `close` waited for its flush; they were acknowledged, and then cut
/// off with the space ahead of the tail.
#[test]
fn what_is_acknowledged_while_a_log_closes_is_kept() {
    let (mut acked_count, mut refused_count) = (0, 0);
    for seed in 0..400 {
        let story = format!("seed {seed}");
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        let acked = Rc::new(Cell::new(1));
        let is_refused = Rc::new(Cell::new(false));
        sim.run(async {
            let log = open(&env, config()).await.unwrap();
            known.append(&log, 5_000).unwrap();
            known.flush(&log).await.unwrap();
            {
                let (env, log, known) = (env.clone(), log.clone(), known.clone());
                let (acked, is_refused) = (Rc::clone(&acked), Rc::clone(&is_refused));
                env.clone().spawn(async move {
                    some_operations(&env, seed % 7).await;
                    match known.append(&log, 30_000) {
                        Ok(end) if log.flushed(end).await.is_ok() => acked.set(end),
                        Ok(_) => {}
                        Err(error) => {
                            assert!(matches!(error, LogError::Closed { .. }), "{error}");
                            is_refused.set(true);
                        }
                    }
                });
            }
            some_operations(&env, seed % 3).await;
            // A second record is on its way when the log closes.
            known.append(&log, 9_000).unwrap();
            log.close(Bytes::new()).await.unwrap();
            assert!(known.append(&log, 100).is_err());
            assert!(matches!(
                log.close(Bytes::new()).await,
                Err(LogError::Closed { .. })
            ));
            some_operations(&env, 50).await;
        })
        .expect(&story);
        acked_count += u64::from(acked.get() > 1);
        refused_count += u64::from(is_refused.get());
        let end = known.appended();
        for after in [sim.kill(seed), sim.power_cut(seed)] {
            let known = known.fork();
            // All that was appended at all: nothing was refused after it was taken.
            after
                .run(check(&after.env(), &known, end, &story))
                .expect(&story);
        }
    }
    assert!(acked_count > 20 && refused_count > 20, "one side never won");
}

/// Retention has just started a new segment for a log all of whose records are too old: the file
/// that is written is still that of the old one, and `close` cut it to the size of the new one.
#[test]
fn a_log_that_closes_while_it_rolls_keeps_its_records() {
    let config = || LogConfig {
        retention_ms: Some(1_000_000),
        ..LogConfig::default()
    };
    for seed in 0..60 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = Log::create(env.clone(), dir(), config(), shared());
            known.append(&log, 70_000).unwrap();
            known.flush(&log).await.unwrap();
            let retention = log.clone();
            env.spawn(async move {
                retention.drop_expired(1_002_000).await.unwrap();
            });
            some_operations(&env, seed % 6).await;
            log.close(Bytes::new()).await.unwrap();
        })
        .unwrap();
        let after = sim.kill(seed);
        after
            .run(check(&after.env(), &known, 1, &format!("seed {seed}")))
            .unwrap();
    }
}

/// It waited for the file of a segment that nobody was going to make.
#[test]
fn a_log_without_a_record_closes() {
    let sim = machine(1);
    let env = sim.env();
    sim.run(async {
        let log = Log::create(env.clone(), dir(), config(), shared());
        log.checkpoint(Bytes::new()).await.unwrap();
        log.close(Bytes::new()).await.unwrap();
        assert!(log.append(&batch(100, 0), Stamp::default(), 0).is_err());
        assert!(env.list(&dir()).await.is_err(), "no directory was made");
    })
    .unwrap();
}

/// Closing fails at each of its operations: an error, a log that stays closed, and nothing lost.
#[test]
fn a_log_that_could_not_be_closed_stays_closed() {
    for kind in [
        OpKind::SetLength,
        OpKind::Open,
        OpKind::Write,
        OpKind::Rename,
        OpKind::SyncDir,
        OpKind::Read,
    ] {
        let sim = machine(7);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = open(&env, config()).await.unwrap();
            known.append(&log, 5_000).unwrap();
            known.flush(&log).await.unwrap();
            some_operations(&env, 20).await;
            sim.fail(kind, sim.operations_of(kind), libc::EIO);
            let failed = log.close(Bytes::new()).await;
            assert!(failed.is_err(), "{kind:?}");
            for _ in 0..2 {
                assert!(log.append(&batch(100, 1), Stamp::default(), 0).is_err());
                assert!(log.close(Bytes::new()).await.is_err());
            }
            some_operations(&env, 50).await;
        })
        .unwrap();
        let after = sim.power_cut(1);
        after
            .run(check(&after.env(), &known, 1, &format!("{kind:?}")))
            .unwrap();
        let found = sim.run(recover(&env, &dir(), 0, &mut |_| {})).unwrap();
        assert_eq!(found.unwrap().next_offset, 1);
    }
}
