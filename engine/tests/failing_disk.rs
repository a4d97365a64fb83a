//! The disk refuses: writes, flushes, names, room. The error is clean, nothing that was
//! acknowledged is lost, and nothing is acknowledged after a failed flush.
#![allow(clippy::unwrap_used)]

mod world;

use naru_engine::log::LogError;
use naru_runtime::sim::OpKind;
use world::{Known, check, check_open, config, machine, open, read_all, try_work_on, workload};

const CHANGES: [OpKind; 10] = [
    OpKind::Open,
    OpKind::CreateDir,
    OpKind::Rename,
    OpKind::SyncDir,
    OpKind::Write,
    OpKind::WriteDurable,
    OpKind::Read,
    OpKind::SyncData,
    OpKind::Allocate,
    OpKind::SetLength,
];

#[test]
fn a_failed_flush_fences_for_good() {
    // A small group is flushed with its write, a large one after it.
    failed_flush_fences(OpKind::WriteDurable, 6_000);
    failed_flush_fences(OpKind::SyncData, 600_000);
}

fn failed_flush_fences(kind: OpKind, bytes: usize) {
    let sim = machine(1);
    let env = sim.env();
    let known = Known::default();
    sim.run(async {
        let log = open(&env, config()).await.unwrap();
        known.append_watched(&env, &log, 5_000);
        known.flush(&log).await.unwrap();
        sim.fail(kind, sim.operations_of(kind), libc::EIO);
        let end = known.append(&log, bytes).unwrap();
        for _ in 0..3 {
            // The second one would succeed; the data is gone all the same.
            let answer = log.flushed(end).await;
            assert!(matches!(answer, Err(LogError::Fenced { .. })), "{answer:?}");
        }
        assert!(known.append(&log, 100).is_err());
        assert!(log.checkpoint(bytes::Bytes::new()).await.is_err());
        assert!(log.close(bytes::Bytes::new()).await.is_err());
        assert_eq!(log.flushed_offset(), 1);
        // Readers see what is safe, and nothing after it.
        assert_eq!(read_all(&log).await.unwrap().len(), 1);
    })
    .unwrap();
    for image in 0..10 {
        let after = sim.power_cut(image);
        let known = known.fork();
        after.run(check(&after.env(), &known, 1, "after the fence"));
    }
}

/// Every operation of the workload fails once, each in a life of its own.
#[test]
fn whatever_fails_nothing_acknowledged_is_lost() {
    let seed = 5;
    let whole = machine(seed);
    whole.run(workload(whole.env(), Known::default())).unwrap();
    for kind in CHANGES {
        for number in 0..whole.operations_of(kind) {
            let errno = if number % 2 == 0 {
                libc::EIO
            } else {
                libc::ENOSPC
            };
            let story = format!("{kind:?} {number} fails");
            let sim = machine(seed);
            let env = sim.env();
            let known = Known::default();
            sim.fail(kind, number, errno);
            sim.run(async {
                // Recovery itself may be what fails.
                let Ok(log) = open(&env, config()).await else {
                    return;
                };
                let result = try_work_on(&env, &log, &known).await;
                let is_flush = matches!(kind, OpKind::SyncData | OpKind::WriteDurable);
                assert!(
                    result.is_err() || !is_flush,
                    "{story}: a failed flush went unseen"
                );
                if result.is_err() && is_flush {
                    let seen = log.flushed_offset();
                    let _ = log.flushed(known.appended()).await;
                    assert_eq!(log.flushed_offset(), seen, "{story}");
                }
            })
            .expect(&story);
            let acked = known.flushed();
            for after in [sim.kill(number), sim.power_cut(number)] {
                let known = known.fork();
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
    }
}

#[test]
fn a_full_disk_stops_the_log_and_room_lets_it_go_on() {
    for room in (0..3 << 20).step_by(200_000) {
        let story = format!("room for {room} bytes");
        let sim = machine(room);
        let env = sim.env();
        let known = Known::default();
        sim.set_room(room);
        sim.run(async {
            let log = open(&env, config()).await.unwrap();
            let result = try_work_on(&env, &log, &known).await;
            assert!(
                matches!(result, Err(LogError::Full { .. } | LogError::Io { .. })),
                "{story}: {result:?}"
            );
        })
        .expect(&story);
        sim.set_room(u64::MAX);
        let acked = known.0.borrow().written;
        let after = sim.kill(room);
        after.set_room(u64::MAX);
        after
            .run(async {
                let log = check(&after.env(), &known, acked, &story).await;
                known.append_watched(&after.env(), &log, 300_000);
                known.flush(&log).await.unwrap();
                check_open(&log, &known, known.flushed(), &story).await;
            })
            .expect(&story);
    }
}
