//! A follower drops what its leader does not have, and the world ends meanwhile: the log
//! is a prefix of what it was, at least as long as what it was cut to, and whole.
#![allow(clippy::unwrap_used)]

mod world;

use naru_runtime::sim::Sim;
use world::{Known, append_all, check, check_open, config, machine, open, read_all};

const SIZES: [usize; 8] = [
    100_000, 100_000, 90_000, 5_000, 100_000, 300_000, 7_000, 20_000,
];

fn filled() -> (Sim, Known) {
    let sim = machine(41);
    let known = Known::default();
    sim.run(append_all(sim.env(), known.clone(), &SIZES))
        .unwrap();
    (sim.kill(0), known)
}

/// Opens, cuts, and goes on from there.
async fn cut_and_go_on(sim: &Sim, known: &Known, to: i64) {
    let log = open(&sim.env(), config()).await.unwrap();
    log.checkpoint(bytes::Bytes::from_static(b"owner"))
        .await
        .unwrap();
    known.0.borrow_mut().flushed = to;
    assert_eq!(log.truncate_to(to).await.unwrap(), to);
    assert_eq!(log.end_offset(), to);
    known.0.borrow_mut().appended.truncate(to as usize);
    for size in [3_000, 100_000, 100_000] {
        known.append(&log, size).unwrap();
    }
    known.flush(&log).await.unwrap();
    check_open(&log, known, known.flushed(), "after the cut").await;
}

#[test]
fn a_log_that_is_cut_goes_on_from_there() {
    for to in 0..=SIZES.len() as i64 {
        let (sim, known) = filled();
        sim.run(cut_and_go_on(&sim, &known, to)).unwrap();
        let after = sim.power_cut(1);
        after.run(check(&after.env(), &known, known.flushed(), "reopened"));
    }
}

#[test]
fn a_crash_while_a_log_is_cut_leaves_a_prefix() {
    for to in [0, 1, 3, 5, 7] {
        let (whole, known) = filled();
        whole.run(cut_and_go_on(&whole, &known, to)).unwrap();
        for operation in 0..=whole.operations() {
            let (sim, known) = filled();
            sim.crash_at(operation);
            let _ = sim.run(cut_and_go_on(&sim, &known, to));
            for image in 0..3 {
                let known = known.fork();
                let story = format!("to {to}, operation {operation}, image {image}");
                let after = match image {
                    0 => sim.kill(operation),
                    _ => sim.power_cut(operation * 3 + image),
                };
                let acked = known.flushed();
                after
                    .run(async {
                        let log = check(&after.env(), &known, acked, &story).await;
                        // And to the end, as the follower would again.
                        let to = to.min(log.end_offset());
                        log.truncate_to(to).await.unwrap();
                        assert_eq!(read_all(&log).await.unwrap().len() as i64, to);
                    })
                    .expect(&story);
            }
        }
    }
}
