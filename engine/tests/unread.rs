//! What a reader has before it: the next batch with records for it, and the segment that retention
//! will take.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use naru_engine::index::AbortedTransaction;
use naru_engine::log::{Log, LogConfig, SegmentFacts, Stamp};
use naru_record_batch::{BatchBuilder, Codec, EndTransactionMarker, TransactionResult};
use naru_runtime::sim::SimEnv;
use world::{Known, dir, machine, shared};

fn append(log: &Log<SimEnv>, batch: &Bytes) -> i64 {
    let stamp = Stamp {
        leader_epoch: 0,
        log_append_time_ms: None,
        max_timestamp_ms: None,
    };
    log.append(batch, stamp, 0).unwrap().base_offset
}

/// A batch of one record at this time; of a producer's transaction, if one is given.
fn batch(timestamp_ms: i64, producer_id: Option<i64>) -> Bytes {
    let mut builder = BatchBuilder::new(Codec::None);
    if let Some(id) = producer_id {
        builder = builder.producer(id, 0, 0).transactional();
    }
    builder.push_pair(timestamp_ms, None, Some(b"value"));
    builder.build_checked().unwrap().bytes().clone()
}

fn marker(log: &Log<SimEnv>, producer_id: i64, first_offset: i64, result: TransactionResult) {
    let record = EndTransactionMarker {
        result,
        coordinator_epoch: 0,
    };
    let last_offset = append(log, record.build(producer_id, 0, 0).bytes());
    if result == TransactionResult::Abort {
        log.note_aborted(AbortedTransaction {
            producer_id,
            first_offset,
            last_offset,
            last_stable_offset: last_offset + 1,
        });
    }
}

async fn next_ms(log: &Log<SimEnv>, from: i64) -> Option<i64> {
    let end = log.end_offset();
    log.flushed(end).await.unwrap();
    let next = log.next_data(from, end).await.unwrap();
    next.map(|header| header.base_timestamp_ms)
}

#[test]
fn markers_and_what_was_aborted_are_passed_over() {
    let sim = machine(3);
    let env = sim.env();
    sim.run(async {
        let log = Log::create(env, dir(), LogConfig::default(), shared());
        assert_eq!(next_ms(&log, 0).await, None);
        append(&log, &batch(100, None));
        // Two transactions, one within the other: 1, 3 and 5 of the one that is aborted.
        append(&log, &batch(101, Some(7)));
        append(&log, &batch(102, Some(8)));
        append(&log, &batch(103, Some(7)));
        marker(&log, 8, 2, TransactionResult::Commit);
        marker(&log, 7, 1, TransactionResult::Abort);
        // Of the same producer, but of a transaction that is open.
        append(&log, &batch(106, Some(7)));
        marker(&log, 7, 6, TransactionResult::Commit);
        let expected = [100, 102, 102, 106, 106, 106, 106];
        for (from, expected) in expected.into_iter().enumerate() {
            assert_eq!(next_ms(&log, from as i64).await, Some(expected), "{from}");
        }
        assert_eq!(next_ms(&log, 7).await, None, "a marker is all that is left");
        assert_eq!(next_ms(&log, 8).await, None, "the end");
    })
    .unwrap();
}

#[test]
fn a_segment_is_told_with_what_comes_after_it() {
    let sim = machine(4);
    let env = sim.env();
    let known = Known::default();
    sim.run(async {
        let config = LogConfig {
            segment_bytes: 2_000,
            ..LogConfig::default()
        };
        let log = Log::create(env, dir(), config, shared());
        assert_eq!(log.segment_facts(0), None);
        for _ in 0..5 {
            known.append(&log, 900).unwrap();
        }
        known.flush(&log).await.unwrap();
        let segments = log.segments();
        let bases: Vec<i64> = segments.iter().map(|(base, _)| *base).collect();
        assert_eq!(bases, [0, 2, 4]);
        let facts = |offset| {
            let SegmentFacts {
                end_offset,
                bytes_after,
                ..
            } = log.segment_facts(offset).unwrap();
            (end_offset, bytes_after)
        };
        assert_eq!(facts(0), (2, 2_700));
        assert_eq!(facts(1), facts(0));
        assert_eq!(facts(3), (4, 900));
        assert_eq!(facts(4), (5, 0));
        assert_eq!(log.segment_facts(5), None);
    })
    .unwrap();
}
