//! Which transactions were aborted, as the log of them changes: cut, taken back, dropped, closed.
#![allow(clippy::unwrap_used)]

mod world;

use std::path::Path;

use bytes::Bytes;
use naru_engine::index::{ABORTED_ENTRIES_MAX, AbortedTransaction};
use naru_engine::log::{Log, LogConfig, LogError, ReadError, Stamp};
use naru_engine::recovery::{Replay, recover};
use naru_record_batch::{EndTransactionMarker, TransactionResult};
use naru_runtime::Disk;
use naru_runtime::sim::{Sim, SimEnv};
use world::{batch, dir, machine, shared};

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1_000,
        ..LogConfig::default()
    }
}

fn marker() -> Bytes {
    let marker = EndTransactionMarker {
        result: TransactionResult::Abort,
        coordinator_epoch: 0,
    };
    marker.build(1, 0, 0).bytes().clone()
}

/// One that began at the batch before its marker, which is at `last_offset`.
fn aborted(last_offset: i64) -> AbortedTransaction {
    AbortedTransaction {
        producer_id: 1,
        first_offset: last_offset - 1,
        last_offset,
        last_stable_offset: last_offset + 1,
    }
}

/// A record and the marker that takes it away.
fn transaction(log: &Log<SimEnv>, now_ms: i64) -> Result<i64, LogError> {
    log.append(&batch(200, 1), Stamp::default(), now_ms)?;
    let appended = log.append(&marker(), Stamp::default(), now_ms)?;
    log.note_aborted(aborted(appended.last_offset));
    Ok(appended.last_offset)
}

async fn flush(log: &Log<SimEnv>) {
    log.flushed(log.end_offset()).await.unwrap();
}

async fn all(log: &Log<SimEnv>) -> Vec<i64> {
    let found = log.aborted_transactions(log.start_offset(), log.end_offset());
    let found = found.await.unwrap();
    found.iter().map(|found| found.last_offset).collect()
}

/// Every transaction has two batches of one record.
async fn filled(env: &SimEnv, transactions: i64) -> Log<SimEnv> {
    let log = Log::create(env.clone(), dir(), config(), shared());
    for _ in 0..transactions {
        transaction(&log, 0).unwrap();
        flush(&log).await;
    }
    log
}

async fn reopened(env: &SimEnv) -> Log<SimEnv> {
    let mut tell = |replay: Replay<'_>| {
        if let Replay::Marker(replayed) = replay {
            let transaction = aborted(replayed.header.base_offset);
            replayed.aborted(transaction);
        }
    };
    let found = recover(env, &dir(), 0, &mut tell).await.unwrap();
    let log = Log::open(env.clone(), dir(), found, config(), shared());
    log.await.unwrap()
}

#[test]
fn a_log_that_is_cut_forgets_what_was_aborted_after_the_cut() {
    for to in 0..=20 {
        let sim = machine(1);
        let env = sim.env();
        let expected: Vec<i64> = (1..to).step_by(2).collect();
        sim.run(async {
            let log = filled(&env, 10).await;
            assert_eq!(log.truncate_to(to).await.unwrap(), to);
            assert_eq!(all(&log).await, expected, "cut to {to}");
            let last = transaction(&log, 0).unwrap();
            flush(&log).await;
            assert_eq!(all(&log).await, [&expected[..], &[last]].concat());
        })
        .unwrap();
        let after = sim.power_cut(1);
        let env = after.env();
        let found = after.run(async { all(&reopened(&env).await).await });
        assert_eq!(found.unwrap().len(), expected.len() + 1, "cut to {to}");
    }
}

#[test]
fn what_a_full_disk_takes_back_was_not_aborted() {
    let sim = machine(2);
    let env = sim.env();
    sim.run(async {
        let config = LogConfig {
            segment_bytes: 64 << 20,
            ..config()
        };
        let log = Log::create(env.clone(), dir(), config, shared());
        transaction(&log, 0).unwrap();
        flush(&log).await;
        sim.set_room(0);
        transaction(&log, 0).unwrap();
        // More than is prepared after the tail.
        let appended = log.append(&batch(3 << 20, 2), Stamp::default(), 0).unwrap();
        let lost = log.flushed(appended.last_offset + 1).await;
        assert!(matches!(lost, Err(LogError::Full { .. })), "{lost:?}");
        let left = log.end_offset();
        assert_eq!(left, 2, "all of it was one write");
        assert_eq!(log.taken_back(), Some(left));
        assert_eq!(all(&log).await, [1]);
        sim.set_room(1 << 30);
        while let Err(error) = log.append(&batch(100, 3), Stamp::default(), 0) {
            assert!(matches!(error, LogError::Full { .. }), "{error}");
            env.list(&dir()).await.unwrap();
        }
        transaction(&log, 0).unwrap();
        flush(&log).await;
        assert_eq!(all(&log).await, [1, 4]);
    })
    .unwrap();
}

#[test]
fn what_retention_drops_takes_its_transaction_index_along() {
    let sim = machine(3);
    let env = sim.env();
    sim.run(async {
        let log = filled(&env, 10).await;
        log.set_config(LogConfig {
            retention_bytes: Some(1_500),
            ..config()
        });
        let files = log.drop_expired(0).await.unwrap();
        let is_index = |path: &&std::path::PathBuf| {
            let name = path.to_string_lossy().into_owned();
            name.ends_with(".txnindex.deleted")
        };
        let dropped = files.iter().filter(is_index).count();
        assert!(dropped > 0, "{files:?}");
        let start = log.start_offset();
        let expected: Vec<i64> = (1..20).step_by(2).filter(|&last| last >= start).collect();
        assert_eq!(all(&log).await, expected);
        let gone = log.aborted_transactions(0, 20).await;
        assert!(matches!(gone, Err(ReadError::OffsetOutOfRange { .. })));
    })
    .unwrap();
}

/// It failed every read of the segment, until a restart built the index again.
#[test]
fn a_damaged_transaction_index_fails_nobody_who_reads_all_records() {
    for damage in [Some(Bytes::from_static(b"damaged")), None] {
        let sim = machine(6);
        let env = sim.env();
        sim.run(async {
            let log = filled(&env, 10).await;
            log.close(Bytes::new()).await.unwrap();
            let log = reopened(&env).await;
            let path = dir().join("00000000000000000000.txnindex");
            assert!(sim.content(&path).is_ok(), "the first segment is sealed");
            match &damage {
                Some(content) => sim.put(&path, content.clone()).unwrap(),
                None => sim.remove(&path).unwrap(),
            }
            let read = log.read_batches(1, 20, 1, true).await.unwrap();
            assert_eq!(read.next_offset, 2);
            let asked = log.aborted_transactions(0, 1).await;
            assert!(matches!(asked, Err(ReadError::Io { .. })), "{asked:?}");
            // Those that need another segment's only.
            let last = log.aborted_transactions(18, 20).await.unwrap();
            assert_eq!(last, [aborted(19)]);
            let cut = log.truncate_to(3).await;
            assert!(
                cut.is_err(),
                "what was aborted must not be forgotten: {cut:?}"
            );
            drop(log);
            let log = reopened(&env).await;
            let expected: Vec<i64> = (1..20).step_by(2).collect();
            assert_eq!(all(&log).await, expected, "a restart mends it");
        })
        .unwrap();
    }
}

/// Until a segment is sealed, its entries are in memory, and in every checkpoint.
#[test]
fn a_segment_ends_at_so_many_aborted_transactions() {
    let sim = machine(4);
    let env = sim.env();
    sim.set_steps_max(u64::MAX);
    sim.run(async {
        let config = LogConfig {
            segment_bytes: 1 << 30,
            ..config()
        };
        let log = Log::create(env.clone(), dir(), config, shared());
        log.append(&batch(100, 1), Stamp::default(), 0).unwrap();
        let marker = marker();
        for number in 0..=ABORTED_ENTRIES_MAX.get() {
            let appended = log.append(&marker, Stamp::default(), 0).unwrap();
            log.note_aborted(aborted(appended.last_offset));
            let is_last = number == ABORTED_ENTRIES_MAX.get();
            assert_eq!(appended.begins_segment, is_last, "{number}");
        }
    })
    .unwrap();
}

fn golden() -> Sim {
    let sim = machine(1);
    sim.make_dir(&dir()).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/transactions");
    for entry in std::fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        let content = Bytes::from(std::fs::read(&path).unwrap());
        let name = path.file_name().unwrap();
        sim.put(&dir().join(name), content).unwrap();
    }
    sim
}

/// As the first version with transactions left it: seven of them in segments of 1,000 bytes, a
/// checkpoint after the sixth, then a kill. Checkpoint and indexes have version 2.
#[test]
fn a_directory_with_transactions_opens_as_it_was_left() {
    let sim = golden();
    let env = sim.env();
    sim.run(async {
        let (mut owner, mut markers) = (Vec::new(), Vec::new());
        let mut tell = |replay: Replay<'_>| match replay {
            Replay::UserState(bytes) => owner = bytes.to_vec(),
            Replay::Batch(header) => assert_eq!(header.base_offset, 12),
            Replay::Marker(replayed) => {
                markers.push(replayed.header.base_offset);
                assert_eq!(replayed.marker.result, TransactionResult::Abort);
                replayed.aborted(aborted(13));
            }
        };
        let found = recover(&env, &dir(), 0, &mut tell).await.unwrap();
        assert_eq!((&owner[..], &markers[..]), (&b"owner"[..], &[13][..]));
        let log = Log::open(env.clone(), dir(), found, config(), shared());
        let log = log.await.unwrap();
        assert_eq!(all(&log).await, [1, 3, 5, 7, 9, 11, 13]);
    })
    .unwrap();
}
