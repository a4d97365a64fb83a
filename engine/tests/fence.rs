//! Flushes that fail beside others that succeed: what consumers see, and what is acknowledged,
//! is never more than a power cut leaves.
#![allow(clippy::unwrap_used)]

mod world;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;

use naru_engine::log::LogError;
use naru_engine::recovery::recover;
use naru_runtime::sim::OpKind;
use naru_runtime::{Disk, Spawn};
use world::{Known, config, dir, machine, open};

/// A segment was sealed while the flusher was at the same file. The flusher's flush lost the
/// data, the one of the seal succeeded, and its success counted.
#[test]
fn a_flush_that_succeeds_beside_one_that_failed_counts_for_nothing() {
    let mut fenced_count = 0;
    for seed in 0..400 {
        for number in 0..3 {
            let story = format!("seed {seed}, flush {number} fails");
            let sim = machine(seed);
            let env = sim.env();
            let known = Known::default();
            let (acked, seen) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let is_fenced = Rc::new(Cell::new(false));
            sim.fail(OpKind::SyncData, 1 + number, libc::EIO);
            sim.run(async {
                let log = open(&env, config()).await.unwrap();
                for size in [150_000, 90_000, 200_000, 40_000] {
                    let Ok(end) = known.append(&log, size) else {
                        break;
                    };
                    let (flushed, acked) = (log.flushed(end), Rc::clone(&acked));
                    env.spawn(async move {
                        if flushed.await.is_ok() {
                            acked.set(acked.get().max(end));
                        }
                    });
                    for _ in 0..seed % 5 {
                        env.list(Path::new("/logs")).await.unwrap();
                    }
                }
                for _ in 0..200 {
                    env.list(Path::new("/logs")).await.unwrap();
                }
                seen.set(log.flushed_offset());
                let refused = known.append(&log, 100);
                if let Err(LogError::Fenced { .. }) = refused {
                    is_fenced.set(true);
                    // What was written before is acknowledged no more, by any acks.
                    assert!(log.written(0).await.is_err(), "{story}");
                }
            })
            .expect(&story);
            if !is_fenced.get() {
                continue;
            }
            fenced_count += 1;
            for image in 0..4 {
                let after = sim.power_cut(image);
                let found = after.run(recover(&after.env(), &dir(), 0, &mut |_| {}));
                let left = found.unwrap().map_or(0, |found| found.next_offset);
                assert!(
                    left >= acked.get(),
                    "{story}: {left}, {} acked",
                    acked.get()
                );
                assert!(left >= seen.get(), "{story}: {left}, {} seen", seen.get());
            }
        }
    }
    assert!(fenced_count > 1_000, "the flushes that fail are not there");
}
