//! Every format that was ever on disk is read for ever: `golden/` holds directories as earlier
//! versions left them, closed and killed. They are never written anew; a format that changes
//! gets a directory beside them.
#![allow(clippy::unwrap_used)]

mod world;

use std::path::Path;

use bytes::Bytes;
use naru_engine::index::SegmentIndex;
use naru_engine::log::{Log, LogConfig};
use naru_engine::recovery::{Checkpoint, Recovered, Replay, recover};
use naru_runtime::sim::{Sim, SimEnv};
use world::{batch, dir, machine, read_all, shared};

/// The batches of both directories, by offset.
const SIZES: [usize; 8] = [1_000, 2_500, 3_000, 100, 2_800, 3_500, 70, 900];
/// Where the segments begin.
const BASES: [i64; 3] = [0, 2, 5];

/// What a directory holds, on a simulated disk.
fn machine_with(golden: &str) -> Sim {
    let sim = machine(1);
    sim.make_dir(&dir()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(golden);
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        let content = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap();
        sim.put(&dir().join(name), Bytes::from(content)).unwrap();
    }
    sim
}

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 6_000,
        ..LogConfig::default()
    }
}

/// Recovers, and checks what the owner is told.
async fn recovered(env: &SimEnv, owner: &str, batches: &[i64]) -> Recovered {
    let (mut owners, mut offsets) = (Vec::new(), Vec::new());
    let mut replay = |replay: Replay<'_>| match replay {
        Replay::UserState(bytes) => owners.push(String::from_utf8(bytes.to_vec()).unwrap()),
        Replay::Batch(header) => offsets.push(header.base_offset),
        Replay::Marker(_) => panic!("there were no transactions then"),
    };
    let found = recover(env, &dir(), 0, &mut replay).await.unwrap();
    assert_eq!(owners, [owner]);
    assert_eq!(offsets, batches);
    assert_eq!(found.next_offset, SIZES.len() as i64);
    assert_eq!(found.epochs, [(3, 0), (5, 3)]);
    assert!(found.has_identity);
    let sealed: Vec<_> = found.sealed.iter().map(|s| s.base_offset).collect();
    assert_eq!(sealed, BASES[..2]);
    found
}

/// Every record is there, more can be appended, and all of it survives.
async fn goes_on(env: &SimEnv, found: Recovered) {
    let log = Log::open(env.clone(), dir(), found, config(), shared());
    let log = log.await.unwrap();
    assert_eq!(log.epoch_end(3), Some((3, 3)));
    for (number, &size) in (SIZES.len()..).zip(&[2_000, 4_000]) {
        let appended = log.append(&batch(size, number as u64), Default::default(), 0);
        log.flushed(appended.unwrap().last_offset + 1)
            .await
            .unwrap();
    }
    let start = log.start_offset() as usize;
    for (number, found) in (start..).zip(read_all(&log).await.unwrap()) {
        let size = *SIZES.iter().chain(&[2_000, 4_000]).nth(number).unwrap();
        assert_eq!(found[16..], batch(size, number as u64)[16..], "{number}");
    }
    log.close(Bytes::from_static(b"newer")).await.unwrap();
    let again = recover(env, &dir(), 0, &mut |_| {}).await.unwrap();
    assert_eq!(again.next_offset, SIZES.len() as i64 + 2);
}

#[test]
fn a_log_that_an_earlier_version_closed_opens() {
    let sim = machine_with("closed");
    let env = sim.env();
    sim.run(async {
        let found = recovered(&env, "owner at the end", &[]).await;
        assert_eq!((found.start_offset, found.replayed_bytes), (1, 0));
        goes_on(&env, found).await;
    })
    .unwrap();
}

#[test]
fn a_log_whose_earlier_version_was_killed_opens() {
    let sim = machine_with("killed");
    let env = sim.env();
    sim.run(async {
        let found = recovered(&env, "owner", &[7]).await;
        assert_eq!((found.start_offset, found.replayed_bytes), (0, 900));
        goes_on(&env, found).await;
    })
    .unwrap();
}

#[test]
fn the_small_files_of_an_earlier_version_say_what_they_said() {
    let sim = machine_with("killed");
    let checkpoint = sim.content(&dir().join("checkpoint")).unwrap();
    let checkpoint = Checkpoint::decode(&checkpoint).unwrap();
    assert_eq!(
        (checkpoint.segment, checkpoint.position),
        (5, 3_500 + 70),
        "the recovery point"
    );
    assert_eq!((checkpoint.next_offset, checkpoint.start_offset), (7, 0));
    assert_eq!(checkpoint.user_state, b"owner");
    assert!(!checkpoint.is_clean);
    for (base, bytes, next_offset) in [(0, 3_500, 2), (2, 5_900, 5)] {
        let index = dir().join(format!("{base:020}.naruindex"));
        let index = sim.content(&index).unwrap();
        let index = SegmentIndex::decode(&index, bytes).unwrap();
        assert_eq!(index.next_offset, next_offset);
        assert_eq!(index.max_timestamp_ms, 1_000 + next_offset - 1);
    }
    // The mark is believed: a byte that changed before it is no torn tail.
    let last = dir().join(format!("{:020}.log", 5));
    sim.remove(&dir().join("checkpoint")).unwrap();
    sim.flip_bit(&last, 100, 0).unwrap();
    let env = sim.env();
    let found = sim.run(recover(&env, &dir(), 0, &mut |_| {})).unwrap();
    assert!(found.is_err(), "{found:?}");
}
