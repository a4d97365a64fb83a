//! What a restart reads of an internal topic that was compacted: what is live, and what is in
//! the active segment; not every commit that was ever made.

use std::collections::HashMap;
use std::rc::Rc;

use naru_engine::compaction::{self, Lag, Limits, Request, Unpaced};
use naru_engine::log::LogConfig;
use naru_record_batch::{BatchBuilder, Codec, HEADER_BYTES, Records};
use naru_runtime::Handle;

use super::{commit, committed, groups, load, partition_of, simulate};
use crate::coordinator::read_back::read_back;
use crate::coordinator::{Coordinators, Slot};
use crate::partition::{Acks, Partition};

const SEGMENT_BYTES: u64 = 8 << 10;
const ROUNDS: usize = 400;
const LIVE: usize = 5;

fn small_segments() -> LogConfig {
    LogConfig {
        segment_bytes: SEGMENT_BYTES,
        ..LogConfig::default()
    }
}

/// Cleans all that is sealed, as the shard's cleaner does.
async fn clean(io: &Handle, partition: &Rc<Partition>) {
    let cleaning = partition.begin_cleaning().await.unwrap();
    let limits = Limits {
        lag: Lag {
            min_ms: 0,
            max_ms: i64::MAX,
        },
        dirty_ratio_min: 0.0,
        stable_offset: i64::MAX,
        now_ms: 1_000,
    };
    let choice = partition.choose_cleaning(&limits).await.unwrap();
    let end = choice.segments.last().unwrap().next_offset;
    let request = Request {
        dir: partition.dir().to_owned(),
        aborted: partition.aborted_in(&choice).await.unwrap(),
        segments: choice.segments,
        producers: partition.last_of_producers(),
        now_ms: limits.now_ms,
        delete_retention_ms: 1_000,
        segment_bytes_max: SEGMENT_BYTES,
        memory_bytes: 1 << 20,
    };
    let mut plan = compaction::plan(io, request, &Unpaced).await.unwrap();
    while let Some(cleaned) = compaction::clean(io, &mut plan, &Unpaced).await.unwrap() {
        partition.replace(&cleaning, &cleaned).await.unwrap();
    }
    partition.cleaned_to(&cleaning, end).await.unwrap();
}

/// What the log holds now, in records.
async fn records_count(io: &Handle, partition: &Rc<Partition>) -> usize {
    let mut count = 0;
    let read = read_back(io, partition, |_, batch| {
        count += Records::new(&batch[HEADER_BYTES..]).count();
    });
    read.await.unwrap();
    count
}

/// What one segment holds of records of `bytes` each, at most.
fn active_max(bytes: u64) -> usize {
    (SEGMENT_BYTES / bytes) as usize + 1
}

#[test]
fn a_restart_reads_the_last_commit_of_each_group() {
    simulate(async |io| {
        let partition = partition_of(&io, small_segments());
        let coordinators = Rc::new(Coordinators::new(io.clone(), groups()));
        let slot = Rc::new(Slot::empty(&io, groups(), Rc::clone(&partition)));
        for offset in 0..ROUNDS as i64 {
            for group in 0..LIVE {
                commit(&coordinators, &slot, group, offset).await;
            }
        }
        let (_, before) = load(&io, &partition).await;
        assert_eq!(before.records as usize, ROUNDS * LIVE);
        clean(&io, &partition).await;
        let (again, after) = load(&io, &partition).await;
        println!("{} records are read, not {}", after.records, before.records);
        let most = LIVE + active_max(HEADER_BYTES as u64);
        assert!(after.records as usize <= most, "{after:?}, not {before:?}");
        for group in 0..LIVE {
            assert_eq!(committed(&again, group), Some(ROUNDS as i64 - 1));
        }
    });
}

/// As `__transaction_state`: a record for each step of each transaction, by transactional id.
#[test]
fn a_restart_reads_the_last_state_of_each_transactional_id() {
    simulate(async |io| {
        let partition = partition_of(&io, small_segments());
        for round in 0..ROUNDS {
            for id in 0..LIVE {
                let mut batch = BatchBuilder::new(Codec::None);
                let (key, value) = (format!("id-{id}"), format!("state {round} of {id}"));
                batch.push_pair(0, Some(key.as_bytes()), Some(value.as_bytes()));
                let batch = batch.build_checked().unwrap();
                let appended = partition.append(&batch, 0).unwrap();
                let acknowledged = partition.acknowledged(appended.next_offset, Acks::All);
                acknowledged.await.unwrap();
            }
        }
        let before = records_count(&io, &partition).await;
        clean(&io, &partition).await;
        let mut latest = HashMap::new();
        let read = read_back(&io, &partition, |_, batch| {
            for record in Records::new(&batch[HEADER_BYTES..]) {
                let record = record.unwrap();
                latest.insert(record.key.unwrap().to_vec(), record.value.unwrap().to_vec());
            }
        });
        read.await.unwrap();
        let after = records_count(&io, &partition).await;
        println!("{after} records are read, not {before}");
        assert_eq!(before, ROUNDS * LIVE);
        assert!(after <= LIVE + active_max(HEADER_BYTES as u64), "{after}");
        for id in 0..LIVE {
            let state = latest.get(format!("id-{id}").as_bytes()).unwrap();
            let last = format!("state {} of {id}", ROUNDS - 1);
            assert_eq!(state, last.as_bytes());
        }
    });
}
