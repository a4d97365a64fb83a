//! Segments are removed, by retention and by DeleteRecords: a failure on the way is tried
//! again and costs nothing else, and two at once remove no more than each alone may.
#![allow(clippy::unwrap_used)]

mod world;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig};
use naru_engine::recovery::recover;
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use naru_runtime::{Disk, Spawn};
use world::{Known, check_open, dir, machine, open, read_all, shared};

const RECORD_BYTES: usize = 50_000;
/// Five records of a segment.
const SEGMENT_BYTES: u64 = 256 << 10;

fn config(retention_bytes: Option<u64>) -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        retention_bytes,
        ..world::config()
    }
}

async fn filled(env: &SimEnv, known: &Known, records: usize) -> Log<SimEnv> {
    let log = Log::create(env.clone(), dir(), config(None), shared());
    for _ in 0..records {
        known.append(&log, RECORD_BYTES).unwrap();
        known.flush(&log).await.unwrap();
    }
    log
}

/// Recovery takes the log, which begins at `start`.
fn restarts_at(sim: &Sim, known: &Known, starts: std::ops::RangeInclusive<i64>, story: &str) {
    sim.run(async {
        let log = open(&sim.env(), config(None)).await;
        let log = log.unwrap_or_else(|error| panic!("{story}: {error}"));
        assert!(starts.contains(&log.start_offset()), "{story}");
        known.0.borrow_mut().start_max = *starts.end();
        check_open(&log, known, known.flushed(), story).await;
    })
    .unwrap();
}

/// The segment was forgotten before its file had the new name; the next round went on with
/// the one after it, and the restart found a gap.
#[test]
fn a_removal_that_fails_is_tried_again_and_leaves_no_gap() {
    for kind in [OpKind::Rename, OpKind::SyncDir] {
        for number in 0..6 {
            let story = format!("{kind:?} {number} of the removals");
            let sim = machine(1);
            let env = sim.env();
            let known = Known::default();
            sim.run(async {
                let log = filled(&env, &known, 40).await;
                log.set_config(config(Some(1_000_000)));
                sim.fail(kind, sim.operations_of(kind) + number, libc::ENOSPC);
                let failed = log.drop_expired(0).await;
                let is_hit = failed.is_err();
                // Readers are told what they would be told after the removal.
                assert_eq!(read_all(&log).await.unwrap()[0][16..], {
                    let start = log.start_offset() as usize;
                    known.0.borrow().appended[start].slice(16..)
                });
                let again = log.drop_expired(0).await.unwrap();
                assert_eq!(log.start_offset(), 20, "{story}");
                assert!(log.drop_expired(0).await.unwrap().is_empty());
                // Whatever was renamed is handed out to be removed, once.
                let names = env.list(&dir()).await.unwrap();
                let gone = names.iter().filter(|n| n.name.ends_with(".deleted"));
                let given = failed.unwrap_or_default().len() + again.len();
                assert_eq!(gone.count(), given, "{story}");
                assert!(is_hit || number >= 4, "{story}: nothing failed");
                sim.heal();
                log.close(Bytes::new()).await.unwrap();
            })
            .unwrap();
            restarts_at(&sim.kill(number), &known, 20..=20, &story);
        }
    }
}

#[test]
fn a_crash_while_a_failed_removal_is_tried_again_leaves_no_gap() {
    let run = |sim: &Sim, known: &Known| {
        let known = known.clone();
        sim.run(async {
            let log = filled(&sim.env(), &known, 30).await;
            log.set_config(config(Some(600_000)));
            sim.fail(
                OpKind::Rename,
                sim.operations_of(OpKind::Rename) + 1,
                libc::EIO,
            );
            let _ = log.drop_expired(0).await;
            let before = sim.operations();
            log.drop_expired(0).await.unwrap();
            before
        })
    };
    let whole = machine(2);
    let first = run(&whole, &Known::default()).unwrap();
    for operation in first..=whole.operations() {
        for image in 0..4 {
            let (sim, known) = (machine(2), Known::default());
            sim.crash_at(operation);
            let _ = run(&sim, &known);
            let story = format!("operation {operation}, image {image}");
            restarts_at(&sim.power_cut(image), &known, 0..=20, &story);
        }
    }
}

/// Each counted the segments that it wanted gone, and each removed that many.
#[test]
fn retention_and_delete_records_at_once_remove_no_more_than_either_may() {
    const KEPT_BYTES: u64 = 2_000_000;
    for seed in 0..150 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = filled(&env, &known, 60).await;
            log.set_config(config(Some(KEPT_BYTES)));
            let is_done = Rc::new(Cell::new(0));
            for _ in 0..2 {
                let (log, is_done) = (log.clone(), Rc::clone(&is_done));
                env.spawn(async move {
                    log.advance_start(12).await.unwrap();
                    is_done.set(is_done.get() + 1);
                });
            }
            log.drop_expired(0).await.unwrap();
            while is_done.get() < 2 {
                env.list(&dir()).await.unwrap();
            }
            assert!(
                log.size_bytes() >= KEPT_BYTES && log.size_bytes() < KEPT_BYTES + SEGMENT_BYTES,
                "seed {seed}: {} bytes are left",
                log.size_bytes()
            );
            assert_eq!(log.start_offset(), 20, "seed {seed}");
        })
        .unwrap();
        restarts_at(&sim.kill(seed), &known, 20..=20, "afterwards");
    }
}

/// What DeleteRecords and a truncation agree on is not taken for missing data later.
#[test]
fn a_log_truncated_before_its_start_starts_at_its_end() {
    let sim = machine(3);
    let env = sim.env();
    let known = Known::default();
    sim.run(async {
        let log = filled(&env, &known, 12).await;
        log.checkpoint(Bytes::new()).await.unwrap();
        log.advance_start(7).await.unwrap();
        assert_eq!(log.truncate_to(3).await.unwrap(), 7);
        assert_eq!((log.start_offset(), log.end_offset()), (7, 7));
        known.0.borrow_mut().appended.truncate(7);
        known.0.borrow_mut().flushed = 7;
        known.append(&log, RECORD_BYTES).unwrap();
        known.flush(&log).await.unwrap();
    })
    .unwrap();
    restarts_at(&sim.power_cut(1), &known, 7..=7, "afterwards");
    let found = sim.run(recover(&env, &dir(), 0, &mut |_| {})).unwrap();
    assert_eq!(found.unwrap().next_offset, 8);
}
