//! The world ends at every single operation of a log's life. What was acknowledged is
//! there afterwards, once and in order, and nothing is that was never appended.
#![allow(clippy::unwrap_used)]

mod world;

use naru_runtime::sim::Sim;
use world::{Known, check, check_open, machine, operations_of, workload};

/// Runs the workload up to an operation.
fn crashed_at(seed: u64, operation: u64) -> (Sim, Known) {
    let sim = machine(seed);
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

#[test]
fn flushed_records_survive_a_power_cut() {
    for seed in 1..=2 {
        let count = operations_of(seed, async |env| workload(env, Known::default()).await);
        for operation in 0..=count {
            let (sim, known) = crashed_at(seed, operation);
            for image in 0..2 {
                let known = known.fork();
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
        }
    }
}

#[test]
fn written_records_survive_a_kill() {
    let seed = 3;
    let count = operations_of(seed, async |env| workload(env, Known::default()).await);
    for operation in 0..=count {
        let (sim, known) = crashed_at(seed, operation);
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
