//! Files that were damaged, taken away or left behind: what was flushed is never cut
//! silently, what was not is, and what is derived is made again.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use naru_engine::log::Log;
use naru_engine::recovery::{RecoveryError, Replay, recover};
use naru_engine::segment::{
    CHECKPOINT_FILE, FLUSHED_FILE, METADATA_FILE, index_path, segment_path,
};
use naru_record_batch::stamp;
use naru_runtime::sim::Sim;
use world::{
    Known, append_all, batch, check, check_open, config, dir, machine, open, read_all, shared,
};

/// Three sealed segments and one that is not, of 100 kB batches, all flushed; no checkpoint.
fn four_segments() -> (Sim, Known) {
    let sim = machine(21);
    let known = Known::default();
    sim.run(append_all(sim.env(), known.clone(), &[100_000; 7]))
        .unwrap();
    (sim.kill(0), known)
}

/// Recovery refuses, and leaves every file as it is.
fn is_refused(sim: &Sim, story: &str) {
    let before = sim.contents(&dir()).unwrap();
    let result = sim
        .run(recover(&sim.env(), &dir(), 0, &mut |_| {}))
        .unwrap();
    assert!(
        matches!(
            result,
            Err(RecoveryError::Corrupt { .. } | RecoveryError::Missing { .. })
        ),
        "{story}: {result:?}"
    );
    assert!(
        before == sim.contents(&dir()).unwrap(),
        "{story}: a file was changed"
    );
}

/// Recovery makes do, and every record is there.
fn is_whole(sim: &Sim, known: &Known, story: &str) {
    sim.run(async {
        let log = check(&sim.env(), &known.fork(), known.flushed(), story).await;
        // By offset, through the index.
        for offset in log.start_offset()..log.end_offset() {
            assert!(!log.read(offset, 1, true).await.unwrap().is_empty());
        }
    });
}

#[test]
fn damage_before_what_is_flushed_is_refused() {
    let (sim, _) = four_segments();
    for base in [0, 2, 4] {
        let sim = sim.kill(base as u64);
        sim.flip_bit(&segment_path(&dir(), base), 50_000, 3)
            .unwrap();
        is_refused(&sim, "a bit of a sealed segment");
    }
    // A mark is written for every MiB of a segment.
    let sim = machine(22);
    let known = Known::default();
    sim.run(append_all(sim.env(), known.clone(), &[1_200_000]))
        .unwrap();
    sim.flip_bit(&segment_path(&dir(), 0), 99_000, 3).unwrap();
    is_refused(&sim.kill(0), "a bit before the flushed mark");
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let (sim, _) = four_segments();
    for base in [2, 4, 6] {
        let sim = sim.kill(base as u64);
        sim.remove(&segment_path(&dir(), base)).unwrap();
        is_refused(&sim, "a segment is gone");
    }
    for base in [0, 2, 4, 6] {
        sim.remove(&segment_path(&dir(), base)).unwrap();
    }
    is_refused(&sim, "every segment is gone");
}

#[test]
fn a_segment_that_is_shorter_than_its_recovery_point_is_refused() {
    let (sim, known) = four_segments();
    sim.run(async {
        let log = check(&sim.env(), &known, 7, "before").await;
        log.close(Bytes::from_static(b"owner")).await.unwrap();
    });
    let path = segment_path(&dir(), 6);
    let content = sim.content(&path).unwrap();
    for length in [0, 4096, 98_304] {
        let sim = sim.kill(1);
        sim.put(&path, content.slice(..length)).unwrap();
        is_refused(&sim, "cut before the recovery point");
        sim.remove(&dir().join(FLUSHED_FILE)).unwrap();
        is_refused(&sim, "cut before the recovery point, without a mark");
    }
    sim.remove(&path).unwrap();
    is_refused(&sim, "the segment of the recovery point is gone");
}

#[test]
fn a_torn_tail_is_cut() {
    let (sim, known) = four_segments();
    let path = segment_path(&dir(), 6);
    let whole = sim.content(&path).unwrap();
    for length in [1, 511, 512, 5_000, 99_999] {
        let sim = sim.kill(length as u64);
        let mut content = whole[..100_000].to_vec();
        content.extend_from_slice(&batch(100_000, 99)[..length]);
        content.resize(content.len().next_multiple_of(4096) + 8192, 0);
        sim.put(&path, content.into()).unwrap();
        is_whole(&sim, &known, "a torn tail");
        assert_eq!(sim.content(&path).unwrap().len(), 100_000);
    }
}

#[test]
fn what_is_derived_is_made_again() {
    let (sim, known) = four_segments();
    sim.run(async {
        let log = check(&sim.env(), &known, 7, "before").await;
        log.checkpoint(Bytes::from_static(b"owner")).await.unwrap();
    });
    for file in [
        index_path(&dir(), 0),
        index_path(&dir(), 2),
        dir().join(CHECKPOINT_FILE),
        dir().join(FLUSHED_FILE),
        dir().join(METADATA_FILE),
    ] {
        let story = file.display().to_string();
        let content = sim.content(&file).unwrap();
        let removed = sim.kill(1);
        removed.remove(&file).unwrap();
        is_whole(&removed, &known, &story);
        if file.ends_with(METADATA_FILE) {
            assert_eq!(removed.content(&file).unwrap(), config().identity);
            continue;
        }
        for position in (0..content.len().min(400)).step_by(7) {
            let damaged = sim.kill(1);
            damaged.flip_bit(&file, position as u64, 2).unwrap();
            is_whole(&damaged, &known, &story);
        }
        let longer = sim.kill(1);
        longer
            .put(&file, [&content[..], &[0; 4096]].concat().into())
            .unwrap();
        is_whole(&longer, &known, &story);
        if !file.ends_with(FLUSHED_FILE) {
            let shorter = sim.kill(1);
            shorter
                .put(&file, content.slice(..content.len() / 2))
                .unwrap();
            is_whole(&shorter, &known, &story);
        }
    }
}

/// A log that was closed is opened again, and ends at every operation after that: the
/// checkpoint still says that it is clean.
#[test]
fn a_closed_log_that_is_opened_again_is_not_taken_for_clean() {
    let (closed, known) = four_segments();
    closed.run(async {
        let log = check(&closed.env(), &known, 7, "before").await;
        log.close(Bytes::from_static(b"owner")).await.unwrap();
    });
    let life = async |sim: &Sim, known: &Known| {
        let log = open(&sim.env(), config()).await.unwrap();
        for size in [5_000, 30_000, 7_000] {
            known.append_watched(&sim.env(), &log, size);
        }
        known.flush(&log).await.unwrap();
    };
    let whole = closed.kill(0);
    whole.run(life(&whole, &known.fork())).unwrap();
    for operation in 0..=whole.operations() {
        for image in 0..8 {
            let (sim, known) = (closed.kill(0), known.fork());
            sim.crash_at(operation);
            let _ = sim.run(life(&sim, &known));
            let story = format!("operation {operation}, image {image}");
            let acked = known.flushed();
            let after = sim.power_cut(image);
            after
                .run(async {
                    let log = check(&after.env(), &known, acked, &story).await;
                    // As large as the first one before: what came after it must not
                    // come back.
                    known.append(&log, 5_000).unwrap();
                    known.flush(&log).await.unwrap();
                })
                .expect(&story);
            let again = after.kill(0);
            again.run(async {
                let log = open(&again.env(), config()).await.unwrap();
                assert_eq!(log.end_offset(), known.flushed(), "{story}");
                check_open(&log, &known, known.flushed(), &story).await;
            });
        }
    }
}

/// After the end of a closed log there is half a batch, and a whole one after that. A
/// batch of the size of the first must not bring the second back.
#[test]
fn what_follows_a_torn_batch_does_not_come_back() {
    let (sim, known) = four_segments();
    sim.run(async {
        let log = check(&sim.env(), &known, 7, "before").await;
        log.close(Bytes::from_static(b"owner")).await.unwrap();
    });
    let path = segment_path(&dir(), 6);
    // Both end with a block: a partial one is filled up with zeros.
    let size = 61 * 4096 - 100_000;
    let mut torn = batch(size, 98).to_vec();
    stamp(&mut torn, 7, 0);
    torn[70_000] ^= 1;
    let mut after = batch(2_000, 99).to_vec();
    stamp(&mut after, 8, 0);
    let mut content = [&sim.content(&path).unwrap()[..100_000], &torn, &after].concat();
    content.resize(content.len().next_multiple_of(4096), 0);
    let sim = sim.kill(0);
    sim.put(&path, content.into()).unwrap();
    sim.run(async {
        let log = check(&sim.env(), &known, 7, "torn").await;
        // So large that the space is reserved, not zeroed.
        known.append(&log, size).unwrap();
        known.flush(&log).await.unwrap();
    });
    is_whole(&sim.kill(0), &known, "after the second life");
}

#[test]
fn a_deleted_start_stays_deleted() {
    let (sim, known) = four_segments();
    for checkpointed in [false, true] {
        let sim = sim.kill(0);
        sim.run(async {
            let log: Log<_> = check(&sim.env(), &known.fork(), 7, "before").await;
            if checkpointed {
                log.checkpoint(Bytes::from_static(b"owner")).await.unwrap();
            }
            log.advance_start(3).await.unwrap();
            assert_eq!(log.start_offset(), 3);
        });
        for image in 0..8 {
            let after = sim.power_cut(image);
            after.run(async {
                let mut owner = Vec::new();
                let mut note = |replay: Replay<'_>| {
                    if let Replay::UserState(bytes) = replay {
                        owner = bytes.to_vec();
                    }
                };
                let found = recover(&after.env(), &dir(), 0, &mut note).await.unwrap();
                assert_eq!(found.start_offset, 3);
                assert_eq!(owner == b"owner", checkpointed);
                let log = Log::open(after.env(), dir(), found, config(), shared()).await;
                assert_eq!(read_all(&log.unwrap()).await.unwrap().len(), 4);
            });
        }
    }
}

/// The segment that takes the appends is too old and another is started: until its file is
/// made, a checkpoint must not name it.
#[test]
fn a_checkpoint_waits_for_the_segment_that_it_names() {
    let config = || naru_engine::log::LogConfig {
        retention_ms: Some(10),
        ..config()
    };
    let seed = 31;
    let life = async |sim: &Sim, known: &Known| {
        let log = open(&sim.env(), config()).await.unwrap();
        known.append(&log, 5_000).unwrap();
        known.flush(&log).await.unwrap();
        log.drop_expired(100_000).await.unwrap();
        log.checkpoint(Bytes::from_static(b"owner")).await.unwrap();
    };
    let whole = machine(seed);
    whole.run(life(&whole, &Known::default())).unwrap();
    for image in 0..60 {
        let sim = machine(image);
        sim.run(life(&sim, &Known::default())).unwrap();
        let after = sim.power_cut(image);
        let mut owner = Vec::new();
        let mut note = |replay: Replay<'_>| {
            if let Replay::UserState(bytes) = replay {
                owner = bytes.to_vec();
            }
        };
        let found = after.run(recover(&after.env(), &dir(), 0, &mut note));
        assert_eq!(found.unwrap().unwrap().next_offset, 1);
        assert_eq!(owner, b"owner", "image {image}");
    }
    for operation in 0..=whole.operations() {
        let (sim, known) = (machine(seed), Known::default());
        sim.crash_at(operation);
        let _ = sim.run(life(&sim, &known));
        for image in 0..10 {
            let after = sim.power_cut(image);
            let story = format!("operation {operation}, image {image}");
            is_whole(&after, &known, &story);
        }
    }
}
