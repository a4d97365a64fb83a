//! The world ends at every single operation of a cleaning, or the disk refuses one: of each key
//! the newest record is there afterwards, and the log goes on and can be cleaned again.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use bytes::Bytes;
use cleaning::{How, Known, Pair, check, clean_all, new_log, open};
use naru_engine::compaction::CleanError;
use naru_engine::log::Log;
use naru_record_batch::{BatchBuilder, Codec};
use naru_runtime::sim::{OpKind, Sim, SimEnv};

const RECORDS: i64 = 330;

/// Some segments, flushed: values, tombstones, a part that was cleaned before.
async fn prepare(env: &SimEnv, known: &Known) -> Log<SimEnv> {
    let log = open(env).await.unwrap();
    let pair = |n: u64| -> Pair { ((n * 5 % 37) as u32, (!n.is_multiple_of(11)).then_some(n)) };
    for first in (0..RECORDS as u64).step_by(6) {
        let pairs: Vec<Pair> = (first..first + 6).map(pair).collect();
        let codec = Codec::ALL[first as usize / 6 % 5];
        known
            .append_as(&log, BatchBuilder::new(codec), &pairs, 10)
            .unwrap();
        if first == 150 {
            log.flushed(log.end_offset()).await.unwrap();
            clean_all(env, &log, &How::at(100)).await.unwrap();
        }
    }
    log.flushed(log.end_offset()).await.unwrap();
    log
}

/// A cleaning, long after the first, with appends beside it.
async fn cleaning(env: SimEnv, known: Known) -> Result<(), CleanError> {
    let log = open(&env).await.map_err(|_| CleanError::Stopped)?;
    let appends = known.append(&log, &[(1, Some(9_000)), (90, Some(1))], 10);
    appends.map_err(|_| CleanError::Stopped)?;
    clean_all(&env, &log, &How::at(10_000)).await.map(drop)
}

fn prepared(seed: u64) -> (Sim, Known) {
    let (sim, known) = new_log(seed);
    let env = sim.env();
    sim.run(async {
        let log = prepare(&env, &known).await;
        log.close(Bytes::from_static(b"owner")).await.unwrap();
    })
    .unwrap();
    (sim.kill(0), known)
}

fn operations(seed: u64) -> u64 {
    let (sim, known) = prepared(seed);
    sim.run(cleaning(sim.env(), known)).unwrap().unwrap();
    sim.operations()
}

/// Opens, checks, cleans, goes on, and checks again.
async fn goes_on(env: SimEnv, known: Known, story: String) {
    let log = open(&env).await.unwrap_or_else(|e| panic!("{story}: {e}"));
    let end = log.end_offset();
    known.0.borrow_mut().retain(|offset, _| *offset < end);
    check(&log, &known, RECORDS, &story).await;
    for round in 0..3 {
        let pairs = [(2, Some(7_000 + round)), (91, None), (3, Some(1))];
        for _ in 0..20 {
            known.append(&log, &pairs, 20).unwrap();
        }
        log.flushed(log.end_offset()).await.unwrap();
        let done = clean_all(&env, &log, &How::at(20_000 + round as i64)).await;
        done.unwrap_or_else(|e| panic!("{story}: {e}"));
        check(&log, &known, log.end_offset(), &story).await;
    }
    log.close(Bytes::from_static(b"owner")).await.unwrap();
    let log = open(&env).await.unwrap_or_else(|e| panic!("{story}: {e}"));
    check(&log, &known, log.end_offset(), &story).await;
}

#[test]
fn a_power_cut_at_any_operation_of_a_cleaning_loses_nothing() {
    for operation in 0..=operations(11) {
        for image in 0..2 {
            let (sim, known) = prepared(11);
            sim.crash_at(operation);
            let _ = sim.run(cleaning(sim.env(), known.clone()));
            let after = sim.power_cut(image);
            let story = format!("cut at operation {operation}, image {image}");
            after.run(goes_on(after.env(), known, story)).unwrap();
        }
    }
}

#[test]
fn a_kill_at_any_operation_of_a_cleaning_loses_nothing() {
    for operation in 0..=operations(12) {
        let (sim, known) = prepared(12);
        sim.crash_at(operation);
        let _ = sim.run(cleaning(sim.env(), known.clone()));
        let after = sim.kill(operation);
        let story = format!("killed at operation {operation}");
        after.run(goes_on(after.env(), known, story)).unwrap();
    }
}

/// A crash while recovery finishes a swap, at each of its operations.
#[test]
fn a_crash_while_a_swap_is_finished_loses_nothing() {
    let mut swaps_count = 0;
    for operation in 0..=operations(13) {
        let (sim, known) = prepared(13);
        sim.crash_at(operation);
        let _ = sim.run(cleaning(sim.env(), known.clone()));
        let after = sim.kill(operation);
        let names = cleaning::dir_names(&after);
        if !names.iter().any(|name| name.contains(".swap")) {
            continue;
        }
        swaps_count += 1;
        for again in 0..40 {
            let (sim, known) = (sim.kill(operation), known.fork());
            sim.crash_at(again);
            let env = sim.env();
            let _ = sim.run(async move { open(&env).await.map(drop) });
            let after = sim.power_cut(again);
            let story = format!("operation {operation}, then {again}");
            after.run(goes_on(after.env(), known, story)).unwrap();
        }
    }
    assert!(swaps_count > 0, "no crash has left a swap to be finished");
}

/// Any operation fails: the log is as it was, or has ended, and after a restart all is there.
#[test]
fn a_disk_that_refuses_an_operation_costs_no_record() {
    let kinds = [
        OpKind::Open,
        OpKind::Rename,
        OpKind::Remove,
        OpKind::SyncDir,
        OpKind::Write,
        OpKind::Read,
        OpKind::SyncData,
        OpKind::SetLength,
    ];
    for kind in kinds {
        for errno in [libc::EIO, libc::ENOSPC] {
            for number in 0.. {
                let (sim, known) = prepared(14);
                let first = sim.operations_of(kind);
                sim.fail(kind, first + number, errno);
                let _ = sim.run(cleaning(sim.env(), known.clone()));
                if sim.operations_of(kind) <= first + number {
                    break;
                }
                sim.heal();
                let after = sim.kill(number);
                let story = format!("{kind:?} {number} failed with {errno}");
                after.run(goes_on(after.env(), known, story)).unwrap();
            }
        }
    }
}

/// The negative control: on a disk whose flushes do nothing a power cut loses something.
#[test]
fn a_disk_that_lies_about_a_flush_is_found_out() {
    for kind in [OpKind::SyncData, OpKind::SyncDir] {
        let is_found_out = (0..=operations(15)).any(|operation| {
            let story = || {
                let (sim, known) = prepared(15);
                sim.lie_about(kind);
                sim.crash_at(operation);
                let _ = sim.run(cleaning(sim.env(), known.clone()));
                let after = sim.power_cut(operation);
                after
                    .run(goes_on(after.env(), known, "lie".to_owned()))
                    .unwrap();
            };
            std::panic::catch_unwind(story).is_err()
        });
        assert!(is_found_out, "nothing depends on {kind:?}");
    }
}
