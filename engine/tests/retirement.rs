//! A topic is deleted, and one of the same name made: nothing that the old log had under way
//! reaches the directory of the new one, and a directory that is not empty is nobody's to use.
#![allow(clippy::unwrap_used)]

mod world;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, LogError, Stamp};
use naru_engine::recovery::{Recovered, recover};
use naru_runtime::sim::{OpKind, Sim, SimEnv};
use naru_runtime::{Disk, Spawn};
use world::{Known, batch, check_open, dir, machine, read_all, shared};

fn retired() -> PathBuf {
    PathBuf::from("/logs/0123456789abcdef-0.deleted")
}

fn config(identity: &'static str) -> LogConfig {
    LogConfig {
        segment_bytes: 256 << 10,
        identity: Bytes::from_static(identity.as_bytes()),
        ..LogConfig::default()
    }
}

fn create(env: &SimEnv, identity: &'static str) -> Log<SimEnv> {
    Log::create(env.clone(), dir(), config(identity), shared())
}

/// Has a log at work: writing, flushing, rolling, with a checkpoint under way.
fn set_to_work(env: &SimEnv, log: &Log<SimEnv>, seed: u64) {
    let sizes: &[usize] = match seed % 3 {
        0 => &[3_000],
        1 => &[200_000; 6],
        _ => &[100_000, 3_000_000, 50, 200_000],
    };
    for (number, &size) in sizes.iter().enumerate() {
        log.append(&batch(size, number as u64), Stamp::default(), 0)
            .unwrap();
    }
    log.demand_flush(log.end_offset());
    let log = log.clone();
    env.spawn(async move {
        // Whether it comes to that does not matter.
        let _ = log.checkpoint(Bytes::from_static(b"old")).await;
        let _ = log.drop_expired(0).await;
    });
}

async fn some_operations(env: &SimEnv, count: u64) {
    for _ in 0..count {
        env.list(Path::new("/logs")).await.unwrap();
    }
}

/// The old log at work is retired, and the new one gets its first records.
async fn deleted_and_made_again(env: &SimEnv, known: &Known, seed: u64) {
    let old = create(env, "old");
    set_to_work(env, &old, seed);
    some_operations(env, seed % 40).await;
    old.retire(&retired()).await.unwrap();
    let new = create(env, "new");
    for size in [2_000, 300_000, 40_000] {
        known.append(&new, size).unwrap();
    }
    known.flush(&new).await.unwrap();
    some_operations(env, 100).await;
    check_open(&new, known, known.flushed(), "the new one").await;
}

async fn new_one_is_whole(env: &SimEnv, known: &Known, story: &str) {
    let identity = naru_runtime::read_file(env, &dir().join("partition.metadata")).await;
    assert_eq!(identity.unwrap(), &b"new"[..], "{story}");
    let found = recover(env, &dir(), 0, &mut |_| {}).await;
    let found = found.unwrap_or_else(|error| panic!("{story}: {error}"));
    let log = Log::open(env.clone(), dir(), found, config("new"), shared());
    check_open(&log.await.unwrap(), known, known.flushed(), story).await;
}

#[test]
fn a_log_that_is_retired_never_touches_its_path_again() {
    for seed in 0..200 {
        let story = format!("seed {seed}");
        let sim = machine(seed);
        let known = Known::default();
        sim.run(deleted_and_made_again(&sim.env(), &known, seed))
            .expect(&story);
        for after in [sim.kill(seed), sim.power_cut(seed)] {
            after
                .run(new_one_is_whole(&after.env(), &known, &story))
                .expect(&story);
        }
    }
}

#[test]
fn who_waits_for_a_log_that_is_retired_is_told() {
    let sim = machine(1);
    let env = sim.env();
    sim.run(async {
        let log = create(&env, "old");
        log.append(&batch(100, 0), Stamp::default(), 0).unwrap();
        let (written, flushed) = (log.written(1), log.flushed(1));
        log.retire(&retired()).await.unwrap();
        let closed = |answer: Result<(), LogError>| matches!(answer, Err(LogError::Closed { .. }));
        assert!(closed(written.await) && closed(flushed.await));
        assert!(closed(log.checkpoint(Bytes::new()).await));
        assert!(closed(log.drop_expired(0).await.map(drop)));
        assert!(closed(log.advance_start(1).await.map(drop)));
        assert!(closed(log.close(Bytes::new()).await));
        assert!(log.append(&batch(100, 1), Stamp::default(), 0).is_err());
    })
    .unwrap();
}

#[test]
fn a_log_without_a_record_has_no_directory_to_rename() {
    let sim = machine(1);
    let env = sim.env();
    sim.run(async {
        assert!(!create(&env, "old").retire(&retired()).await.unwrap());
        assert_eq!(env.list(Path::new("/logs")).await.unwrap(), []);
    })
    .unwrap();
}

/// The rename, or the flush of it, fails once: it is asked for again, and does not take the
/// directory of whoever came in between.
#[test]
fn retiring_is_tried_again_and_takes_only_what_is_its_own() {
    for kind in [OpKind::Rename, OpKind::SyncDir] {
        let sim = machine(1);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let old = create(&env, "old");
            old.append(&batch(100, 0), Stamp::default(), 0).unwrap();
            old.flushed(1).await.unwrap();
            sim.fail(kind, sim.operations_of(kind), libc::EIO);
            assert!(old.retire(&retired()).await.is_err());
            if kind == OpKind::SyncDir {
                let new = create(&env, "new");
                known.append(&new, 100).unwrap();
                known.flush(&new).await.unwrap();
            }
            assert!(old.retire(&retired()).await.unwrap());
            let names = env.list(Path::new("/logs")).await.unwrap();
            assert_eq!(names.len(), usize::from(kind == OpKind::SyncDir) + 1);
        })
        .unwrap();
        if kind == OpKind::SyncDir {
            let after = sim.power_cut(1);
            after
                .run(new_one_is_whole(&after.env(), &known, "afterwards"))
                .unwrap();
        }
    }
}

/// The world ends at every operation of deleting and making again: at the path is the old log
/// or the new one, whole, and never one with the records of the other.
#[test]
fn a_crash_while_a_name_changes_hands_mixes_nothing() {
    let run = |sim: &Sim, known: &Known| {
        let known = known.clone();
        sim.run(deleted_and_made_again(&sim.env(), &known, 31))
    };
    let whole = machine(31);
    run(&whole, &Known::default()).unwrap();
    for operation in 0..=whole.operations() {
        for image in 0..3 {
            let story = format!("operation {operation}, image {image}");
            let sim = machine(31);
            let known = Known::default();
            sim.crash_at(operation);
            let _ = run(&sim, &known);
            let after = match image {
                0 => sim.kill(operation),
                _ => sim.power_cut(operation * 3 + image),
            };
            after
                .run(one_of_the_two(&after.env(), &known, &story))
                .expect(&story);
        }
    }
}

async fn one_of_the_two(env: &SimEnv, known: &Known, story: &str) {
    let found = recover(env, &dir(), 0, &mut |_| {}).await;
    let found = found.unwrap_or_else(|error| panic!("{story}: {error}"));
    let identity = naru_runtime::read_file(env, &dir().join("partition.metadata")).await;
    if identity.as_deref().is_ok_and(|found| found == b"new") {
        let log = Log::open(env.clone(), dir(), found, config("new"), shared());
        check_open(&log.await.unwrap(), known, known.flushed(), story).await;
        return;
    }
    // The old one: whatever it holds is its own, and the new one was promised nothing.
    assert_eq!(known.flushed(), 0, "{story}");
    if found == Recovered::default() {
        return;
    }
    let log = Log::open(env.clone(), dir(), found, config("old"), shared());
    for (number, found) in read_all(&log.await.unwrap())
        .await
        .unwrap()
        .iter()
        .enumerate()
    {
        let given = batch(found.len(), number as u64);
        assert!(found[16..] == given[16..], "{story}: offset {number}");
    }
}

#[test]
fn a_directory_that_is_not_empty_is_refused_and_left_alone() {
    let sim = machine(1);
    let env = sim.env();
    sim.run(async {
        let old = create(&env, "old");
        old.append(&batch(100, 0), Stamp::default(), 0).unwrap();
        old.flushed(1).await.unwrap();
        old.close(Bytes::new()).await.unwrap();
        let before = sim.contents(&dir()).unwrap();
        let new = create(&env, "new");
        new.append(&batch(100, 1), Stamp::default(), 0).unwrap();
        let refused = new.flushed(1).await;
        assert!(
            matches!(refused, Err(LogError::DirectoryNotEmpty { .. })),
            "{refused:?}"
        );
        assert_eq!(sim.contents(&dir()).unwrap(), before);
    })
    .unwrap();
}

/// Each operation of making the directory fails for want of room, and the log is made all the
/// same once there is some.
#[test]
fn a_directory_that_could_not_be_made_is_made_later() {
    for kind in [
        OpKind::CreateDir,
        OpKind::List,
        OpKind::Open,
        OpKind::Write,
        OpKind::SyncData,
        OpKind::Rename,
        OpKind::SyncDir,
    ] {
        for number in 0..3 {
            let story = format!("{kind:?} {number}");
            let sim = machine(number);
            let env = sim.env();
            let known = Rc::new(Known::default());
            sim.fail(kind, number, libc::ENOSPC);
            sim.run(async {
                let log = create(&env, "new");
                known.append(&log, 5_000).unwrap();
                match known.flush(&log).await {
                    Ok(()) => {}
                    // What a flush says is final, whatever it says.
                    Err(LogError::Fenced { .. }) if kind == OpKind::SyncData => return,
                    Err(LogError::Full { .. }) => {
                        assert_eq!(log.taken_back(), Some(0), "{story}");
                        known.0.borrow_mut().appended.clear();
                        while known.append(&log, 5_000).is_err() {
                            some_operations(&env, 1).await;
                        }
                        known.flush(&log).await.unwrap();
                    }
                    Err(error) => panic!("{story}: {error}"),
                }
                check_open(&log, &known, 1, &story).await;
            })
            .expect(&story);
            let after = sim.power_cut(number);
            if known.flushed() > 0 {
                after
                    .run(new_one_is_whole(&after.env(), &known, &story))
                    .expect(&story);
            }
        }
    }
}
