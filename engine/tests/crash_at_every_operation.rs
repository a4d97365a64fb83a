//! The world ends at every single operation of a log's life. What was acknowledged is
//! there afterwards, once and in order, and nothing is that was never appended.
#![allow(clippy::unwrap_used)]

mod world;

use naru_runtime::sim::{OpKind, Sim};
use world::{Known, check, check_open, machine, operations_of, workload};

/// Runs the workload up to an operation, on a machine made otherwise by `alter`.
fn crashed_at(seed: u64, operation: u64, alter: impl Fn(&Sim)) -> (Sim, Known) {
    let sim = machine(seed);
    alter(&sim);
    let known = Known::default();
    sim.crash_at(operation);
    let _ = sim.run(workload(sim.env(), known.clone()));
    (sim, known)
}

async fn goes_on(env: &naru_runtime::sim::SimEnv, known: &Known, acked: i64, story: &str) {
    let log = check(env, known, acked, story).await;
    for size in [100, 5_000, 300_000, 900] {
        known.append_watched(env, &log, size);
    }
    known
        .flush(&log)
        .await
        .unwrap_or_else(|e| panic!("{story}: {e}"));
    check_open(&log, known, known.flushed(), story).await;
}

/// Cuts the power at an operation, checks, goes on, cuts it again, and checks that.
fn cut_at(seed: u64, operation: u64, image: u64, alter: impl Fn(&Sim)) {
    let (sim, known) = crashed_at(seed, operation, alter);
    let acked = known.flushed();
    let story = format!("seed {seed}, operation {operation}, image {image}");
    let after = sim.power_cut(image);
    after
        .run(goes_on(&after.env(), &known, acked, &story))
        .expect(&story);
    // What the second life promised holds as well.
    let again = after.power_cut(image);
    again
        .run(check(&again.env(), &known, known.flushed(), &story))
        .expect(&story);
}

fn operations(seed: u64) -> u64 {
    operations_of(seed, async |env| workload(env, Known::default()).await)
}

#[test]
fn flushed_records_survive_a_power_cut() {
    for seed in 1..=2 {
        for operation in 0..=operations(seed) {
            for image in 0..2 {
                cut_at(seed, operation, image, |_| {});
            }
        }
    }
}

#[test]
fn flushed_records_survive_tears_within_a_sector() {
    let seed = 4;
    for operation in 0..=operations(seed) {
        for image in 0..2 {
            cut_at(seed, operation, image, Sim::tear_within_sectors);
        }
    }
}

/// The negative control: a test that passes on a disk whose flushes do nothing tests nothing.
#[test]
fn a_disk_that_lies_about_a_flush_is_found_out() {
    let seed = 1;
    let count = operations(seed);
    for kind in [OpKind::SyncData, OpKind::WriteDurable, OpKind::SyncDir] {
        let is_found_out = (0..=count).any(|operation| {
            let cut = || cut_at(seed, operation, 0, |sim| sim.lie_about(kind));
            std::panic::catch_unwind(cut).is_err()
        });
        assert!(is_found_out, "nothing depends on {kind:?}");
    }
}

#[test]
fn written_records_survive_a_kill() {
    let seed = 3;
    for operation in 0..=operations(seed) {
        let (sim, known) = crashed_at(seed, operation, |_| {});
        let acked = known.0.borrow().written;
        let story = format!("seed {seed}, operation {operation}, killed");
        let after = sim.kill(operation);
        after
            .run(goes_on(&after.env(), &known, acked, &story))
            .expect(&story);
        let again = after.power_cut(operation);
        again
            .run(check(&again.env(), &known, known.flushed(), &story))
            .expect(&story);
    }
}
