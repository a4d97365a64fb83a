//! Reads while the log changes under them: retention drops the segment that is read, records
//! are deleted, the end is truncated. A read gives what was appended, or says that the offset
//! is out of range; never something else.
#![allow(clippy::unwrap_used)]

mod world;

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, ReadError};
use naru_record_batch::BatchHeader;
use naru_runtime::sim::SimEnv;
use naru_runtime::sync::oneshot;
use naru_runtime::{Disk, Spawn};
use world::{Known, dir, machine, shared_of};

const SEEDS: u64 = 300;
/// Nothing stays in the tail: what is read comes from the disk.
const TAIL_BYTES: usize = 16 << 10;
const BATCH_BYTES: usize = 50_000;
const BATCHES: i64 = 44;
/// Within a segment, of five batches each.
const CUT_TO: i64 = 22;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 256 << 10,
        ..LogConfig::default()
    }
}

async fn filled(env: &SimEnv, known: &Known) -> Log<SimEnv> {
    let log = Log::create(env.clone(), dir(), config(), shared_of(TAIL_BYTES));
    for _ in 0..BATCHES {
        known.append(&log, BATCH_BYTES).unwrap();
    }
    known.flush(&log).await.unwrap();
    log
}

/// Lets some operations complete.
async fn pass(env: &SimEnv, operations: u64) {
    for _ in 0..operations {
        env.list(&dir()).await.unwrap();
    }
}

/// What was read is what was appended, from `from` on. Returns how many batches it is.
fn assert_as_appended(read: Vec<Bytes>, appended: &[Bytes], from: i64, story: &str) -> usize {
    let mut rest = Bytes::from(read.concat());
    let mut count = 0;
    while !rest.is_empty() {
        let offset = from + count as i64;
        let header = BatchHeader::parse(&rest).unwrap();
        assert_eq!(header.base_offset, offset, "{story}");
        let batch = rest.split_to(header.size_bytes());
        let given = &appended[offset as usize];
        assert!(
            batch[16..] == given[16..],
            "{story}: offset {offset} differs"
        );
        count += 1;
    }
    count
}

/// Issue 8, A1: the reader got the bytes of the active segment.
#[test]
fn a_read_of_a_segment_that_retention_drops_gives_its_records_or_is_out_of_range() {
    let (mut given, mut refused) = (0, 0);
    for seed in 0..SEEDS {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = filled(&env, &known).await;
            let (sender, receiver) = oneshot();
            {
                let log = log.clone();
                env.spawn(async move {
                    let read = log.read(2, 100_000, true).await;
                    assert!(sender.send(read).is_ok());
                });
            }
            pass(&env, seed % 13).await;
            log.set_config(LogConfig {
                retention_bytes: Some(1_500_000),
                ..config()
            });
            log.drop_expired(0).await.unwrap();
            assert!(log.start_offset() > 2, "the story needs a drop");
            let appended = known.0.borrow().appended.clone();
            match receiver.await.unwrap() {
                Ok(read) => {
                    let story = format!("seed {seed}");
                    assert_eq!(assert_as_appended(read, &appended, 2, &story), 2);
                    given += 1;
                }
                Err(ReadError::OffsetOutOfRange { offset: 2, .. }) => refused += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            let later = log.read(2, 100_000, true).await;
            assert!(matches!(later, Err(ReadError::OffsetOutOfRange { .. })));
        })
        .unwrap();
    }
    assert!(
        given > 0 && refused > 0,
        "{given} were given, {refused} refused"
    );
}

/// Issue 8, A1: the answer was an offset of the active segment.
#[test]
fn a_search_by_time_beside_retention_finds_the_first_record_that_is_left() {
    let mut answers = [0; 2];
    for seed in 0..SEEDS {
        let sim = machine(seed);
        let env = sim.env();
        let known = Known::default();
        sim.run(async {
            let log = filled(&env, &known).await;
            let (sender, receiver) = oneshot();
            {
                let log = log.clone();
                env.spawn(async move {
                    // The batch of offset `n` has the timestamp 1000 + n.
                    let found = log.offset_for_timestamp(1_002).await.unwrap();
                    let answer = (found.unwrap(), log.start_offset());
                    assert!(sender.send(answer).is_ok());
                });
            }
            pass(&env, seed % 13).await;
            log.set_config(LogConfig {
                retention_bytes: Some(1_500_000),
                ..config()
            });
            log.drop_expired(0).await.unwrap();
            let ((offset, timestamp_ms), start) = receiver.await.unwrap();
            let expected = start.max(2);
            assert_eq!(
                (offset, timestamp_ms),
                (expected, 1_000 + expected),
                "seed {seed}"
            );
            answers[usize::from(start > 2)] += 1;
        })
        .unwrap();
    }
    assert!(answers.iter().all(|&count| count > 0), "{answers:?}");
}

/// Reads go on while the end is cut off and other records take its place: each read is of the
/// log before or after, never of both.
#[test]
fn a_read_beside_a_truncation_is_of_one_log() {
    let mut outcomes = [0; 3];
    for seed in 0..SEEDS {
        let sim = machine(seed);
        let env = sim.env();
        let (before, after) = (Known::default(), Known::default());
        sim.run(async {
            let log = filled(&env, &before).await;
            after.0.borrow_mut().appended = before.0.borrow().appended[..CUT_TO as usize].to_vec();
            let left = Rc::new(Cell::new(6));
            let (done, all_done) = oneshot();
            let done = Rc::new(Cell::new(Some(done)));
            let (sender, receiver) = oneshot();
            let results = Rc::new(Cell::new(Vec::new()));
            for reader in 0..6 {
                let (log, env, results) = (log.clone(), env.clone(), Rc::clone(&results));
                let (left, done) = (Rc::clone(&left), Rc::clone(&done));
                env.clone().spawn(async move {
                    pass(&env, (seed * 7 + reader * 11) % 60).await;
                    // At different places before and after the cut, and up to what is written.
                    let from = [17, 20, 22, 23, 28, 38][reader as usize];
                    let read = log.read_up_to(from, i64::MAX, 300_000, true).await;
                    let mut all = results.take();
                    all.push((from, read));
                    results.set(all);
                    left.set(left.get() - 1);
                    if left.get() == 0 {
                        let _ = done.take().unwrap().send(());
                    }
                });
            }
            {
                let (log, env, after) = (log.clone(), env.clone(), after.clone());
                env.clone().spawn(async move {
                    pass(&env, seed % 11).await;
                    assert_eq!(log.truncate_to(CUT_TO).await.unwrap(), CUT_TO);
                    // Of another size: other places, and other bytes at the same offsets.
                    for _ in 0..10 {
                        after.append(&log, BATCH_BYTES + 1_000).unwrap();
                    }
                    after.flush(&log).await.unwrap();
                    let _ = sender.send(());
                });
            }
            all_done.await.unwrap();
            receiver.await.unwrap();
            let old = before.0.borrow().appended.clone();
            let new = after.0.borrow().appended.clone();
            for (from, read) in results.take() {
                let story = format!("seed {seed}, from {from}");
                match read {
                    Ok(read) => {
                        let first = read.concat();
                        let is_new =
                            first.is_empty() || first[16..] == new_bytes(&new, from, &first);
                        let source = if is_new { &new } else { &old };
                        assert_as_appended(read, source, from, &story);
                        outcomes[usize::from(is_new)] += 1;
                    }
                    Err(ReadError::OffsetOutOfRange { end, .. }) => {
                        assert!(from > CUT_TO && end < 38, "{story}: out of a log to {end}");
                        outcomes[2] += 1;
                    }
                    Err(error) => panic!("{story}: {error}"),
                }
            }
            let mut at = log.start_offset();
            while at < log.end_offset() {
                let read = log.read(at, 300_000, true).await.unwrap();
                at += assert_as_appended(read, &new, at, "afterwards") as i64;
            }
        })
        .unwrap();
    }
    assert!(outcomes.iter().all(|&count| count > 0), "{outcomes:?}");
}

/// As many bytes of the new log from `from` on as were read, but for the stamp at their front.
fn new_bytes(appended: &[Bytes], from: i64, read: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (offset, batch) in (from..).zip(appended.iter().skip(from as usize)) {
        if bytes.len() < read.len() {
            let mut batch = batch.to_vec();
            naru_record_batch::stamp(&mut batch, offset, 0);
            bytes.extend_from_slice(&batch);
        }
    }
    bytes.get(16..read.len()).unwrap_or_default().to_vec()
}
