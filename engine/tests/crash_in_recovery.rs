//! The world ends a second time, while the log recovers from the first end or has just
//! begun to work again. Nothing that was acknowledged in either life is lost, and nothing
//! that recovery cut off comes back.
#![allow(clippy::unwrap_used)]

mod world;

use naru_runtime::sim::{Sim, SimEnv};
use world::{Known, check, check_open, config, machine, open, operations_of, workload};

/// Recovers and takes a few records.
async fn second_life(env: SimEnv, known: Known) {
    let log = open(&env, config()).await.unwrap_or_else(|e| panic!("{e}"));
    let end = log.end_offset();
    {
        let mut promises = known.0.borrow_mut();
        // Recovery may keep what was never acknowledged; once told, it is a promise.
        promises.appended.truncate(end as usize);
        promises.flushed = end;
        promises.start_min = promises.start_min.max(log.start_offset());
    }
    for size in [300, 6_000] {
        known.append_watched(&env, &log, size);
    }
    known.flush(&log).await.unwrap();
    known.append_watched(&env, &log, 250_000);
    known.flush(&log).await.unwrap();
}

/// Ends `before` again at every operation of its second life.
fn ends_again(before: impl Fn() -> Sim, known: &Known, story: &str) {
    let whole = before();
    whole.run(second_life(whole.env(), known.fork())).unwrap();
    for operation in 0..=whole.operations() {
        let known = known.fork();
        let sim = before();
        sim.crash_at(operation);
        let _ = sim.run(second_life(sim.env(), known.clone()));
        let story = format!("{story}, then operation {operation}");
        let after = match operation % 3 {
            0 => sim.kill(operation),
            _ => sim.power_cut(operation),
        };
        let acked = known.flushed();
        after
            .run(async {
                let log = check(&after.env(), &known, acked, &story).await;
                known.append_watched(&after.env(), &log, 2_000);
                known.flush(&log).await.unwrap();
                check_open(&log, &known, known.flushed(), &story).await;
            })
            .expect(&story);
    }
}

#[test]
fn a_crash_in_recovery_loses_nothing() {
    let seed = 11;
    let count = operations_of(seed, async |env| workload(env, Known::default()).await);
    for operation in (0..=count).step_by(5) {
        let sim = machine(seed);
        if operation % 2 == 1 {
            sim.tear_within_sectors();
        }
        let known = Known::default();
        sim.crash_at(operation);
        let _ = sim.run(workload(sim.env(), known.clone()));
        let story = format!("operation {operation}, power cut");
        ends_again(|| sim.power_cut(operation), &known, &story);
        let story = format!("operation {operation}, kill");
        if operation % 2 == 0 {
            ends_again(|| sim.kill(operation), &known, &story);
        }
    }
}
