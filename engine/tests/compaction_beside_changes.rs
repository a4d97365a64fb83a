//! DeleteRecords, truncation, closing and deletion beside a cleaning, by many seeds: who changes
//! the log is not held up for ever, and what is read afterwards is as it was appended.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use cleaning::{How, SEGMENT_BYTES};
use cleaning::{Known, Pair, Read, check, clean_all, new_log, open, records_of};
use naru_engine::compaction::CleanError;
use naru_engine::log::{Log, ReadError};
use naru_record_batch::{BatchBuilder, BatchHeader, Codec};
use naru_runtime::sim::SimEnv;
use naru_runtime::{Disk, Spawn};

fn append(known: &Known, log: &Log<SimEnv>, n: u64) {
    let pairs: Vec<Pair> = (n..n + 5).map(|n| ((n % 23) as u32, Some(n))).collect();
    let codec = Codec::ALL[n as usize % 5];
    let builder = BatchBuilder::new(codec);
    known.append_as(log, builder, &pairs, n as i64).unwrap();
}

/// Reads from `from` to what was flushed when it began, as a consumer does.
async fn read_through(log: &Log<SimEnv>, from: i64) -> Result<Vec<Read>, ReadError> {
    let (mut at, end, mut found) = (from, log.flushed_offset(), Vec::new());
    while at < end {
        let pieces = log.read(at, 3_000, true).await?;
        let mut rest = Bytes::from(pieces.concat());
        assert!(!rest.is_empty(), "nothing at {at}, before {end}");
        while !rest.is_empty() {
            let header = BatchHeader::parse(&rest).unwrap();
            assert!(header.next_offset() > at, "a batch before {at}");
            let batch = rest.split_to(header.size_bytes());
            at = header.next_offset();
            found.extend(records_of(&batch));
        }
    }
    Ok(found)
}

fn holds(known: &Known, from: i64, end: i64, found: &[Read], story: &str) {
    assert!(found.is_sorted_by(|a, b| a.offset < b.offset), "{story}");
    let mut latest = HashMap::new();
    for record in found {
        let given = known.0.borrow().get(&record.offset).cloned();
        assert_eq!(Some(record), given.as_ref(), "{story}");
        latest.insert(record.key.clone().unwrap(), record.offset);
    }
    // Whoever began at the beginning knows the newest of each key of then, or a newer one.
    if from == 0 {
        for (key, newest) in known.newest(end) {
            let seen = latest.get(&key);
            assert!(
                seen.is_some_and(|&at| at >= newest.offset),
                "{story}: {newest:?}"
            );
        }
    }
}

/// A cleaning that the log outlived, or that outlived the log, changes nothing.
#[test]
fn deletion_closing_and_truncation_end_a_cleaning() {
    for seed in 0..40u64 {
        for what in 0..4 {
            let (sim, known) = new_log(seed);
            let env = sim.env();
            sim.run(async {
                let log = open(&env).await.unwrap();
                for n in (0..600).step_by(5) {
                    append(&known, &log, n);
                }
                log.flushed(log.end_offset()).await.unwrap();
                let cleaned = Rc::new(Cell::new(None));
                let before = log.changes_count();
                {
                    let (env, log, cleaned) = (env.clone(), log.clone(), Rc::clone(&cleaned));
                    env.clone().spawn(async move {
                        let done = clean_all(&env, &log, &How::at(1_000)).await;
                        cleaned.set(Some(done));
                    });
                }
                for _ in 0..seed * 2 {
                    env.list(&PathBuf::from("/logs")).await.unwrap();
                }
                match what {
                    0 => {
                        let to = PathBuf::from("/logs/gone");
                        assert!(log.retire(&to).await.unwrap());
                    }
                    1 => log.close(Bytes::from_static(b"owner")).await.unwrap(),
                    2 => {
                        let start = 3 * SEGMENT_BYTES as i64 / 100;
                        log.advance_start(start).await.unwrap();
                        known.0.borrow_mut().retain(|offset, _| *offset >= start);
                    }
                    _ => {
                        // No replica does that below its high watermark; a swap must not mind.
                        let end = log.truncate_to(450).await.unwrap();
                        known.0.borrow_mut().retain(|offset, _| *offset < end);
                    }
                }
                let done = loop {
                    match cleaned.take() {
                        Some(done) => break done,
                        None => drop(env.list(&PathBuf::from("/logs")).await),
                    }
                };
                // What fails because the log has changed says nothing of the log.
                let has_changed = what < 2 || log.changes_count() != before;
                let is_stopped = matches!(done, Err(CleanError::Stopped));
                let is_fine = done.is_ok() || is_stopped || has_changed;
                assert!(is_fine, "seed {seed}, {what}: {done:?}");
                if what == 1 {
                    let log = open(&env).await.unwrap();
                    check(&log, &known, 600, "closed").await;
                }
                if what == 2 {
                    let found = read_through(&log, log.start_offset()).await.unwrap();
                    holds(
                        &known,
                        1,
                        600,
                        &found
                            .into_iter()
                            .filter(|r| r.offset >= log.start_offset())
                            .collect::<Vec<_>>(),
                        "deleted",
                    );
                }
            })
            .unwrap();
        }
    }
}
