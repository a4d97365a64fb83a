//! Readers of what is no longer in memory: they share what is read from the disk, they never
//! keep each other from getting on, and what they had comes back to the shard.
#![allow(clippy::unwrap_used)]

mod world;

use std::cell::Cell;
use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, ReadError, Shared};
use naru_engine::recovery::recover;
use naru_record_batch::BatchHeader;
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use naru_runtime::sync::oneshot;
use naru_runtime::{Disk, Spawn};
use world::{Known, dir, machine, shared_of};

const BATCH_BYTES: usize = 50_000;
const BATCHES: i64 = 160;
/// What the batches take, in extents.
const EXTENTS: u64 = (BATCHES as u64 * BATCH_BYTES as u64).div_ceil(1 << 20);

/// A flushed log of one segment, of which nothing is in memory.
async fn cold(env: &SimEnv, known: &Known, shared: Shared) -> Log<SimEnv> {
    let log = Log::create(env.clone(), dir(), LogConfig::default(), shared);
    for _ in 0..BATCHES {
        known.append(&log, BATCH_BYTES).unwrap();
    }
    known.flush(&log).await.unwrap();
    log.rest();
    log.rest();
    log
}

/// Lets what was spawned come to its end.
async fn settle(env: &SimEnv) {
    for _ in 0..100 {
        env.list(&PathBuf::from("/logs")).await.unwrap();
    }
}

/// Reads all from `from` on and round to it again, in pieces of about an extent.
async fn read_round(log: &Log<SimEnv>, known: &Known, from: i64) {
    let mut at = from;
    let mut left = BATCHES;
    while left > 0 {
        let read = log.read(at, 1 << 20, true).await.unwrap();
        let mut rest = Bytes::from(read.concat());
        assert!(!rest.is_empty(), "nothing at {at}");
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).unwrap();
            assert_eq!(header.base_offset, at);
            let batch = rest.split_to(header.size_bytes());
            let given = &known.0.borrow().appended[at as usize];
            assert!(batch[16..] == given[16..], "offset {at} differs");
            (at, left) = ((at + 1) % BATCHES, left - 1);
        }
    }
}

/// So many readers at once, each from its own place; returns how often the disk was read.
async fn reads_of(sim: &Sim, log: &Log<SimEnv>, known: &Known, from: &[i64]) -> u64 {
    let before = sim.operations_of(OpKind::Read);
    let mut ends = Vec::new();
    for &from in from {
        let (log, known) = (log.clone(), known.clone());
        let (sender, receiver) = oneshot();
        ends.push(receiver);
        sim.env().spawn(async move {
            read_round(&log, &known, from).await;
            let _ = sender.send(());
        });
    }
    for end in ends {
        end.await.unwrap();
    }
    sim.operations_of(OpKind::Read) - before
}

/// Issue 8, A2: five readers of one log took each other's extents away before any was
/// delivered, for ever.
#[test]
fn readers_at_different_places_all_get_on_however_little_memory_there_is() {
    for seed in 0..20 {
        let sim = machine(seed);
        sim.set_steps_max(200_000);
        let known = Known::default();
        sim.run(async {
            let log = cold(&sim.env(), &known, shared_of(0)).await;
            reads_of(&sim, &log, &known, &[0, 20, 40, 60, 80, 100, 120, 140]).await;
        })
        .unwrap();
    }
}

#[test]
fn readers_of_the_same_cost_the_device_about_one_read() {
    let apart = [0, 20, 40, 60, 80, 100, 120, 140];
    // Side by side with hardly any memory, and from everywhere where there is some.
    for (memory, places) in [(0, [0; 8]), (64 << 20, [0; 8]), (64 << 20, apart)] {
        for seed in 0..20 {
            let sim = machine(seed);
            let known = Known::default();
            sim.run(async {
                let log = cold(&sim.env(), &known, shared_of(memory)).await;
                let reads = reads_of(&sim, &log, &known, &places).await;
                let story = format!("seed {seed}, {memory} bytes: {reads} reads");
                assert!(reads >= EXTENTS, "{story}: the log was not cold");
                assert!(
                    reads <= EXTENTS + EXTENTS / 4,
                    "{story} of {EXTENTS} extents"
                );
            })
            .unwrap();
        }
    }
}

/// Polls once, and gives up: as a request whose client goes away.
fn give_up<F: Future>(future: F) {
    let polled = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
    assert!(
        matches!(polled, Poll::Pending),
        "there was nothing to wait for"
    );
}

#[test]
fn the_extents_of_one_read_load_together() {
    let sim = machine(1);
    let known = Known::default();
    sim.run(async {
        let shared = shared_of(64 << 20);
        let log = cold(&sim.env(), &known, shared.clone()).await;
        log.read(0, 1, true).await.unwrap();
        let before = shared.tails.used_bytes();
        // A load counts from its beginning. The first extent is there already.
        give_up(log.read(0, (EXTENTS as usize) << 20, true));
        let loading = shared.tails.used_bytes() - before;
        assert!(loading > (EXTENTS as usize - 2) << 20, "{loading} bytes");
    })
    .unwrap();
}

#[test]
fn a_reader_that_goes_away_leaves_what_it_began_to_others() {
    for seed in 0..20 {
        let sim = machine(seed);
        let known = Known::default();
        sim.run(async {
            let log = cold(&sim.env(), &known, shared_of(64 << 20)).await;
            give_up(log.read(5, 1 << 20, true));
            for _ in 0..seed % 4 {
                sim.env().list(&dir()).await.unwrap();
            }
            let reads = reads_of(&sim, &log, &known, &[5]).await;
            assert!(reads <= EXTENTS + 1, "seed {seed}: {reads} reads");
        })
        .unwrap();
    }
}

#[test]
fn a_failed_read_is_told_once_and_tried_again() {
    const EIO: i32 = 5;
    for seed in 0..20 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = cold(&env, &known, shared_of(64 << 20)).await;
            sim.fail(OpKind::Read, sim.operations_of(OpKind::Read), EIO);
            let errors = Rc::new(Cell::new(0));
            let mut ends = Vec::new();
            for _ in 0..3 {
                let (log, errors) = (log.clone(), Rc::clone(&errors));
                let (sender, receiver) = oneshot();
                ends.push(receiver);
                env.spawn(async move {
                    if let Err(error) = log.read(3, 100_000, true).await {
                        assert!(matches!(error, ReadError::Io { .. }), "{error}");
                        errors.set(errors.get() + 1);
                    }
                    let _ = sender.send(());
                });
            }
            for end in ends {
                end.await.unwrap();
            }
            assert!(errors.get() >= 1, "seed {seed}: nobody was told");
            read_round(&log, &known, 3).await;
        })
        .unwrap();
    }
}

/// Issue 8, A9: a reader that needed what was appended meanwhile joined a load that had started
/// before, and took what that did not have for damage.
#[test]
fn a_reader_of_the_growing_end_does_not_take_an_older_load_for_damage() {
    for seed in 0..200 {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let config = LogConfig::default();
            let log = Log::create(env.clone(), dir(), config.clone(), shared_of(64 << 20));
            for _ in 0..55 {
                known.append(&log, 20_000).unwrap();
            }
            known.flush(&log).await.unwrap();
            log.close(Bytes::new()).await.unwrap();
            let found = recover(&env, &dir(), 0, &mut |_| {}).await.unwrap();
            let opened = Log::open(env.clone(), dir(), found, config, shared_of(64 << 20));
            let log = opened.await.unwrap();
            let (sender, receiver) = oneshot();
            {
                let log = log.clone();
                env.spawn(async move {
                    let read = log.read(53, 1 << 20, true).await.unwrap();
                    assert!(!read.is_empty());
                    let _ = sender.send(());
                });
            }
            known.append(&log, 5_000).unwrap();
            log.flushed(56).await.unwrap();
            let read = log.read(50, 1 << 20, true).await.unwrap().concat();
            assert_eq!(read.len(), 5 * 20_000 + 5_000, "seed {seed}");
            receiver.await.unwrap();
        })
        .unwrap();
    }
}

/// Issue 8, A10: 4 MiB stayed counted for every topic that was read and deleted.
#[test]
fn what_a_log_had_in_memory_comes_back_when_it_is_closed_or_deleted() {
    let sim = machine(1);
    let env = sim.env();
    let shared = shared_of(64 << 20);
    sim.run(async {
        for is_deleted in [false, true] {
            let known = Known::default();
            let log = cold(&env, &known, shared.clone()).await;
            read_round(&log, &known, 0).await;
            // One is under way when the log ends.
            settle(&env).await;
            log.rest();
            log.rest();
            give_up(log.read(0, 1 << 20, true));
            if is_deleted {
                log.abandon();
            } else {
                log.close(Bytes::new()).await.unwrap();
            }
            settle(&env).await;
            drop(log);
            assert_eq!(shared.tails.used_bytes(), 0, "deleted: {is_deleted}");
            env.remove_dir_all(&dir()).await.unwrap();
        }
    })
    .unwrap();
}

#[test]
fn a_log_at_rest_keeps_what_is_read_and_gives_back_the_rest() {
    let sim = machine(1);
    let known = Known::default();
    sim.run(async {
        let shared = shared_of(64 << 20);
        let log = cold(&sim.env(), &known, shared.clone()).await;
        let at_rest = shared.tails.used_bytes();
        read_round(&log, &known, 0).await;
        log.rest();
        log.read(0, 1_000, true).await.unwrap();
        log.rest();
        let used = shared.tails.used_bytes() - at_rest;
        assert!((1 << 20..2 << 20).contains(&used), "{used} bytes are kept");
        let reads = sim.operations_of(OpKind::Read);
        log.read(0, 1_000, true).await.unwrap();
        assert_eq!(sim.operations_of(OpKind::Read), reads);
        settle(&sim.env()).await;
        log.rest();
        log.rest();
        assert_eq!(shared.tails.used_bytes(), at_rest);
    })
    .unwrap();
}
