//! What a cleaning leaves of a log, rule by rule.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use std::collections::HashMap;

use cleaning::{
    DELETE_RETENTION_MS, How, Known, Pair, SEGMENT_BYTES, batches_of, check, clean_all, new_log,
    open, records_of,
};
use naru_engine::compaction::LastOfProducer;
use naru_engine::log::Log;
use naru_record_batch::{BatchBuilder, BatchHeader, Codec};
use naru_runtime::sim::SimEnv;

/// Fills some segments: `keys` keys again and again, in batches of `per_batch`.
async fn fill(known: &Known, log: &Log<SimEnv>, codec: Codec, count: u64, keys: u32) {
    let numbers: Vec<u64> = (0..count).collect();
    for numbers in numbers.chunks(7) {
        let pair = |&n: &u64| -> Pair { ((n * 7 % u64::from(keys)) as u32, Some(n)) };
        let pairs: Vec<Pair> = numbers.iter().map(pair).collect();
        let builder = BatchBuilder::new(codec);
        known.append_as(log, builder, &pairs, 10).unwrap();
    }
    log.flushed(log.end_offset()).await.unwrap();
}

fn run<T: 'static>(seed: u64, story: impl AsyncFnOnce(SimEnv, Known) -> T) -> T {
    let (sim, known) = new_log(seed);
    sim.run(story(sim.env(), known)).unwrap()
}

#[test]
fn of_each_key_the_newest_record_stays_in_every_codec() {
    for codec in Codec::ALL {
        run(1, async |env, known| {
            let log = open(&env).await.unwrap();
            fill(&known, &log, codec, 900, 40).await;
            let before = log.size_bytes();
            let done = clean_all(&env, &log, &How::at(100)).await.unwrap().unwrap();
            assert!(done.replaced.len() > 1, "{codec}: {done:?}");
            let found = check(&log, &known, 900, &format!("{codec}")).await;
            // The active segment is not cleaned: its keys may be there twice.
            let cleaned = found.iter().filter(|r| r.offset < done.cleaned_to);
            let newest = known.newest(done.cleaned_to);
            assert_eq!(cleaned.count(), newest.len(), "{codec}");
            assert!(log.size_bytes() < before / 2, "{codec}");
            // Nothing is left to do.
            assert!(
                clean_all(&env, &log, &How::at(100))
                    .await
                    .unwrap()
                    .is_none()
            );
        });
    }
}

/// Kafka writes the clean part again every time.
#[test]
fn a_segment_of_which_nothing_is_superseded_is_not_written_again() {
    run(2, async |env, known| {
        let log = open(&env).await.unwrap();
        fill(&known, &log, Codec::None, 600, 600).await;
        let done = clean_all(&env, &log, &How::at(100)).await.unwrap();
        let end = done.unwrap().cleaned_to;
        // One key of the first segment, and new ones.
        for number in 0..40u32 {
            let pairs = [(0, Some(1_000)), (5_000 + number, Some(7))];
            known.append(&log, &pairs, 10).unwrap();
        }
        log.flushed(log.end_offset()).await.unwrap();
        let done = clean_all(&env, &log, &How::at(100)).await.unwrap().unwrap();
        let replaced: Vec<i64> = done.replaced.concat();
        let old = replaced.iter().filter(|&&base| base < end);
        assert_eq!(old.count(), 1, "{done:?}");
        assert_eq!(replaced.first(), Some(&0), "{done:?}");
        check(&log, &known, log.end_offset(), "beside clean ones").await;
    });
}

#[test]
fn a_tombstone_goes_when_its_time_has_come_and_not_before() {
    run(3, async |env, known| {
        let log = open(&env).await.unwrap();
        fill(&known, &log, Codec::Lz4, 200, 20).await;
        let gone = known.append(&log, &[(3, None), (4, Some(1))], 10).unwrap();
        fill(&known, &log, Codec::Lz4, 300, 3).await;
        let tombstone = gone - 2;
        let has_tombstone = async |log: &Log<SimEnv>| {
            let found = check(log, &known, 0, "tombstones").await;
            found.iter().any(|record| record.offset == tombstone)
        };
        clean_all(&env, &log, &How::at(5_000))
            .await
            .unwrap()
            .unwrap();
        assert!(has_tombstone(&log).await);
        let horizon = |batches: &[bytes::Bytes]| {
            let mut headers = batches.iter().map(|b| BatchHeader::parse(b).unwrap());
            let holds = headers.find(|h| h.last_offset() >= tombstone).unwrap();
            holds.delete_horizon_ms()
        };
        let expected = Some(5_000 + DELETE_RETENTION_MS);
        assert_eq!(horizon(&batches_of(&log).await), expected);
        // Later cleanings leave it as it is, until then.
        for (now_ms, stays) in [(5_500, true), (5_999, true), (6_000, false)] {
            fill(&known, &log, Codec::None, 200, 3).await;
            clean_all(&env, &log, &How::at(now_ms))
                .await
                .unwrap()
                .unwrap();
            assert_eq!(has_tombstone(&log).await, stays, "at {now_ms}");
            if stays {
                assert_eq!(horizon(&batches_of(&log).await), expected);
            }
        }
    });
}

#[test]
fn records_without_a_key_are_dropped() {
    run(4, async |env, known| {
        let log = open(&env).await.unwrap();
        let mut builder = BatchBuilder::new(Codec::Gzip);
        builder.push_pair(10, None, Some(b"no key"));
        known
            .append_as(&log, builder, &[(1, Some(1)), (2, Some(2))], 10)
            .unwrap();
        // The first of them is not known: offsets of the others are off by one.
        known.0.borrow_mut().clear();
        fill(&known, &log, Codec::None, 300, 50).await;
        known.0.borrow_mut().retain(|offset, _| *offset > 2);
        clean_all(&env, &log, &How::at(100)).await.unwrap().unwrap();
        let batches = batches_of(&log).await;
        let found: Vec<_> = batches.iter().flat_map(|b| records_of(b)).collect();
        assert!(found.iter().all(|record| record.key.is_some()));
    });
}

/// A producer's next batch is judged by its last one, after a restart also.
#[test]
fn the_last_batch_of_an_active_producer_stays_as_a_header() {
    run(5, async |env, known| {
        let log = open(&env).await.unwrap();
        let mut ends = HashMap::new();
        for producer_id in [7, 8] {
            for sequence in [0, 3] {
                let builder = BatchBuilder::new(Codec::Zstd).producer(producer_id, 2, sequence);
                let pairs = [(1, Some(1)), (2, Some(2)), (3, Some(3))];
                let end = known.append_as(&log, builder, &pairs, 10).unwrap();
                ends.insert((producer_id, sequence), end - 1);
            }
        }
        fill(&known, &log, Codec::None, 400, 5).await;
        let mut how = How::at(100);
        let last_data_offset = Some(ends[&(7, 3)]);
        how.producers.insert(
            7,
            LastOfProducer {
                last_data_offset,
                epoch: 2,
            },
        );
        clean_all(&env, &log, &how).await.unwrap().unwrap();
        let batches = batches_of(&log).await;
        let headers = batches.iter().map(|b| BatchHeader::parse(b).unwrap());
        let of_producers: Vec<_> = headers.filter(|h| h.producer_id >= 0).collect();
        assert_eq!(of_producers.len(), 1, "{of_producers:?}");
        let kept = of_producers[0];
        assert!(kept.is_empty());
        assert_eq!((kept.producer_id, kept.producer_epoch), (7, 2));
        assert_eq!((kept.base_sequence, kept.last_sequence()), (3, 5));
        assert_eq!(Some(kept.last_offset()), last_data_offset);
        // When it is not active any more, it goes.
        fill(&known, &log, Codec::None, 200, 5).await;
        clean_all(&env, &log, &How::at(100)).await.unwrap().unwrap();
        let batches = batches_of(&log).await;
        let mut headers = batches.iter().map(|b| BatchHeader::parse(b).unwrap());
        assert!(headers.all(|h| h.producer_id < 0));
    });
}

/// KAFKA-17076, KAFKA-20452: without the last batch nobody knew where the cleaned part ended,
/// and the log's end went back, or a follower asked for an offset again and again.
#[test]
fn the_end_of_a_cleaned_part_stays_known() {
    run(6, async |env, known| {
        let log = open(&env).await.unwrap();
        fill(&known, &log, Codec::None, 500, 3).await;
        let done = clean_all(&env, &log, &How::at(100)).await.unwrap().unwrap();
        let ends: Vec<i64> = batches_of(&log)
            .await
            .iter()
            .map(|batch| BatchHeader::parse(batch).unwrap().next_offset())
            .collect();
        assert!(ends.contains(&done.cleaned_to), "{ends:?}, {done:?}");
        // Every segment ends where the next one begins: recovery says so.
        log.close(bytes::Bytes::from_static(b"owner"))
            .await
            .unwrap();
        let again = open(&env).await.unwrap();
        assert_eq!(again.end_offset(), 500);
        check(&again, &known, 500, "reopened").await;
    });
}

/// However few keys fit into memory at a time: what there is no room for is put off, and the
/// next cleaning goes on there.
#[test]
fn memory_is_bounded_whatever_the_number_of_keys() {
    run(7, async |env, known| {
        let log = open(&env).await.unwrap();
        fill(&known, &log, Codec::None, 2_000, 700).await;
        let how = How {
            memory_bytes: 600,
            ..How::at(100)
        };
        let (mut left, mut passes_count) = (2_000, 0);
        while let Some(done) = clean_all(&env, &log, &how).await.unwrap() {
            let found = check(&log, &known, 2_000, "in little memory").await;
            let is_whole = done.cleaned_to > 0;
            assert!(is_whole || found.len() < left, "a cleaning got nowhere");
            (left, passes_count) = (found.len(), passes_count + 1);
        }
        assert!(passes_count > 5, "there was room for all: {passes_count}");
        assert!(left < 1_000, "{left} are left");
        let names = env_names(&env).await;
        assert!(
            names.iter().all(|name| !name.ends_with(".tmp")),
            "{names:?}"
        );
    });
}

/// A reader that has come past a value has `delete.retention.ms` from when the value is gone to
/// come to its tombstone: while the value is put off for want of memory, that has not begun.
#[test]
fn the_time_of_a_tombstone_begins_when_older_values_are_gone() {
    run(8, async |env, known| {
        let log = open(&env).await.unwrap();
        fill(&known, &log, Codec::None, 1_000, 300).await;
        let value = known.append(&log, &[(9_000, Some(1))], 10).unwrap() - 1;
        fill(&known, &log, Codec::None, 600, 300).await;
        let tombstone = known.append(&log, &[(9_000, None)], 10).unwrap() - 1;
        for number in 0..200 {
            known
                .append(&log, &[(20_000 + number, Some(1))], 10)
                .unwrap();
        }
        log.flushed(log.end_offset()).await.unwrap();
        let how = How {
            memory_bytes: 600,
            ..How::at(100)
        };
        let (mut put_off_count, mut is_set) = (0, false);
        while clean_all(&env, &log, &how).await.unwrap().is_some() {
            let batches = batches_of(&log).await;
            let records = batches.iter().flat_map(|batch| records_of(batch));
            let has_value = records.into_iter().any(|record| record.offset == value);
            let headers = batches.iter().map(|b| BatchHeader::parse(b).unwrap());
            let of_tombstone = headers.into_iter().find(|h| h.last_offset() == tombstone);
            is_set = of_tombstone.unwrap().delete_horizon_ms().is_some();
            assert!(
                !(has_value && is_set),
                "its value is there after {put_off_count}"
            );
            put_off_count += u64::from(has_value);
        }
        assert!(put_off_count > 0, "the value was never put off");
        assert!(is_set, "the tombstone stays for ever");
    });
}

async fn env_names(env: &SimEnv) -> Vec<String> {
    use naru_runtime::Disk;
    let entries = env.list(&world::dir()).await.unwrap();
    entries.into_iter().map(|entry| entry.name).collect()
}

async fn log_files(env: &SimEnv) -> usize {
    let names = env_names(env).await;
    names.iter().filter(|name| name.ends_with(".log")).count()
}

#[test]
fn small_segments_are_made_one_and_offsets_stay() {
    run(8, async |env, known| {
        let log = open(&env).await.unwrap();
        let mut rolls_count = 0;
        for round in 0..6 {
            fill(&known, &log, Codec::Snappy, 400, 30).await;
            rolls_count += log_files(&env).await;
            let done = clean_all(&env, &log, &How::at(100)).await.unwrap();
            assert!(done.is_some(), "round {round}");
            check(&log, &known, log.end_offset(), "round").await;
        }
        let left = log_files(&env).await;
        assert!(left <= 5 && rolls_count > 20, "{left} of {rolls_count}");
    });
}

/// A cleaning that finds a segment damaged leaves it as it is.
#[test]
fn what_is_damaged_is_not_cleaned() {
    use naru_engine::compaction::CleanError;
    use naru_runtime::{BLOCK_BYTES, Disk, File, Open};
    run(9, async |env, known| {
        let log = open(&env).await.unwrap();
        fill(&known, &log, Codec::None, 500, 30).await;
        let path = naru_engine::segment::segment_path(&world::dir(), 0);
        let file = env.open(&path, Open::Direct).await.unwrap();
        let block = file.read_at(0, BLOCK_BYTES).await.unwrap();
        let mut damaged = naru_runtime::Aligned::new(BLOCK_BYTES);
        damaged[..block.len()].copy_from_slice(&block);
        damaged[300] ^= 1;
        let length = file.length().await.unwrap();
        file.write_at(0, vec![damaged.freeze()]).await.unwrap();
        file.set_length(length).await.unwrap();
        let cleaned = clean_all(&env, &log, &How::at(100)).await;
        assert!(
            matches!(cleaned, Err(CleanError::Damaged { .. })),
            "{cleaned:?}"
        );
        assert_eq!(file.length().await.unwrap(), length);
    });
}

/// Updates to a few hot keys cost about what they take: Kafka writes the whole log each time.
#[test]
fn hot_keys_do_not_have_the_rest_written_again() {
    run(10, async |env, known| {
        let log = open(&env).await.unwrap();
        let how = How {
            segment_bytes_max: SEGMENT_BYTES,
            ..How::at(100)
        };
        fill(&known, &log, Codec::None, 4_000, 4_000).await;
        clean_all(&env, &log, &how).await.unwrap();
        let (mut written, mut whole) = (0, 0);
        for round in 0..10u64 {
            for n in 0..200u64 {
                let hot = (n % 40) as u32;
                let pairs = [(hot * 100, Some(round * 1_000 + n))];
                known.append(&log, &pairs, 10).unwrap();
            }
            log.flushed(log.end_offset()).await.unwrap();
            let done = clean_all(&env, &log, &how).await.unwrap().unwrap();
            // The first round takes the old values out of all the segments that had them.
            if round > 0 {
                written += done.written_bytes;
                whole += log.size_bytes();
            }
        }
        println!("{written} bytes were written again; the whole log each time: {whole}");
        assert!(written * 10 < whole, "{written} of {whole}");
        check(&log, &known, log.end_offset(), "hot keys").await;
    });
}
