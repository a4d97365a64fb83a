//! What a read gives: whole batches from the asked one on, and none that reaches beyond what
//! the reader may see.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig, ReadError, Shared, Stamp};
use naru_record_batch::{BatchBuilder, BatchHeader, Codec, NewRecord};
use naru_runtime::sim::SimEnv;
use world::{SEGMENT_BYTES, batch, dir, machine, shared_of};

/// The batches of a log, as (first offset, offset after the last one, size in bytes).
type Row = Vec<(i64, i64, usize)>;

/// Batches of 1 to 3 records and of all sizes, over some segments; flushed up to two thirds,
/// written to the end.
async fn filled(env: &SimEnv, shared: Shared) -> (Log<SimEnv>, Row) {
    let config = LogConfig {
        segment_bytes: SEGMENT_BYTES,
        ..LogConfig::default()
    };
    let log = Log::create(env.clone(), dir(), config, shared);
    let mut row = Row::new();
    for number in 0..90_usize {
        let size = [100, 9_000, 70, 300, 30_000, 2_000][number % 6];
        let records = 1 + number as i32 % 3;
        let mut bytes = batch(size, number as u64).to_vec();
        let mut header = BatchHeader::parse(&bytes).unwrap();
        header.last_offset_delta = records - 1;
        header.write_to(&mut bytes);
        let appended = log.append(&Bytes::from(bytes), Stamp::default(), 0);
        let appended = appended.unwrap();
        row.push((appended.base_offset, appended.last_offset + 1, size));
        if number == 60 {
            log.flushed(log.end_offset()).await.unwrap();
        }
    }
    log.written(log.end_offset()).await.unwrap();
    (log, row)
}

/// The batches in what was read, as in a [`Row`].
fn batches_in(slices: Vec<Bytes>) -> Row {
    let mut rest = Bytes::from(slices.concat());
    let mut found = Row::new();
    while !rest.is_empty() {
        let header = BatchHeader::parse(&rest).unwrap();
        assert!(header.size_bytes() <= rest.len(), "a batch is cut off");
        let read = rest.split_to(header.size_bytes());
        found.push((header.base_offset, header.next_offset(), read.len()));
    }
    found
}

#[test]
fn no_batch_is_read_that_ends_beyond_what_the_reader_may_see() {
    for tail_bytes in [16 << 10, 64 << 20] {
        let sim = machine(tail_bytes as u64);
        let env = sim.env();
        sim.run(async {
            let (log, row) = filled(&env, shared_of(tail_bytes)).await;
            let end = log.end_offset();
            for from in (0..end).step_by(5) {
                for up_to in 0..=end + 1 {
                    let bytes_max = [1, 500, 40_000, 1 << 20][(from + up_to) as usize % 4];
                    let read = log.read_up_to(from, up_to, bytes_max, true).await;
                    let found = batches_in(read.unwrap());
                    let holds_from = row.iter().position(|b| b.1 > from).unwrap();
                    let may_be_seen = row[holds_from..].iter().take_while(|b| b.1 <= up_to);
                    let may_be_seen: Row = may_be_seen.copied().collect();
                    let story = format!("{from} up to {up_to}, at most {bytes_max} bytes");
                    assert_eq!(
                        found,
                        may_be_seen[..found.len().min(may_be_seen.len())],
                        "{story}"
                    );
                    // Nothing is held back but what does not fit, or is of the next segment.
                    let next = may_be_seen.get(found.len());
                    let read_bytes: usize = found.iter().map(|b| b.2).sum();
                    if let Some(next) = next {
                        assert!(!found.is_empty(), "{story}: nothing");
                        let fits = read_bytes + next.2 <= bytes_max;
                        let is_next_segment = log.read_up_to(next.0, up_to, 1, true).await;
                        assert!(!is_next_segment.unwrap().is_empty(), "{story}");
                        assert!(
                            !fits || begins_a_segment(&row, next.0),
                            "{story}: {found:?}"
                        );
                    }
                }
            }
        })
        .unwrap();
    }
}

/// Whether a segment begins with `offset`: the batches before it fill the last one.
fn begins_a_segment(row: &Row, offset: i64) -> bool {
    let mut filled = 0;
    for &(base_offset, _, size) in row {
        let rolls = filled + size as u64 > SEGMENT_BYTES;
        filled = if rolls {
            size as u64
        } else {
            filled + size as u64
        };
        if base_offset == offset {
            return rolls;
        }
    }
    false
}

#[test]
fn a_consumer_reads_what_is_flushed_and_a_replica_what_is_written() {
    let sim = machine(3);
    let env = sim.env();
    sim.run(async {
        let (log, row) = filled(&env, shared_of(64 << 20)).await;
        let (flushed, end) = (log.flushed_offset(), log.end_offset());
        assert!(flushed < end, "the story needs a part that is not flushed");
        let last = row.last().unwrap();
        let by_consumer = log.read(last.0, 1 << 20, true).await.unwrap();
        assert!(by_consumer.is_empty());
        let by_replica = log.read_up_to(last.0, end, 1 << 20, true).await.unwrap();
        assert_eq!(batches_in(by_replica), [*last]);

        // What is appended now is neither: nothing is awaited in between.
        log.append(&batch(100, 0), Stamp::default(), 0).unwrap();
        let unwritten = log.read_up_to(end, end + 1, 1 << 20, true).await;
        assert!(unwritten.unwrap().is_empty());
        let beyond = log.read_up_to(end + 2, end + 3, 1 << 20, true).await;
        assert!(matches!(beyond, Err(ReadError::OffsetOutOfRange { .. })));
    })
    .unwrap();
}

#[test]
fn a_first_batch_that_is_too_large_comes_only_when_it_must() {
    let sim = machine(4);
    let env = sim.env();
    sim.run(async {
        let (log, row) = filled(&env, shared_of(64 << 20)).await;
        let large = row[4];
        let read = log.read(large.0, large.2 - 1, false).await.unwrap();
        assert!(read.is_empty());
        let read = log.read(large.0, large.2 - 1, true).await.unwrap();
        assert_eq!(batches_in(read), [large]);
    })
    .unwrap();
}

/// DeleteRecords (KIP-107) may end within a batch: what comes before is no answer any more.
#[test]
fn a_search_by_time_passes_over_the_deleted_records_of_a_batch() {
    let sim = machine(5);
    sim.run(async {
        let shared = shared_of(64 << 20);
        let log = Log::create(sim.env(), dir(), LogConfig::default(), shared);
        let mut builder = BatchBuilder::new(Codec::None);
        for timestamp_ms in [100, 300, 200] {
            builder.push(&NewRecord {
                timestamp_ms,
                key: None,
                value: Some(b"value"),
                headers: &[],
            });
        }
        let batch = Bytes::from(builder.build().unwrap());
        log.append(&batch, Stamp::default(), 0).unwrap();
        log.flushed(3).await.unwrap();
        assert_eq!(log.offset_for_timestamp(0).await.unwrap(), Some((0, 100)));
        log.advance_start(2).await.unwrap();
        assert_eq!(log.offset_for_timestamp(0).await.unwrap(), Some((2, 200)));
        assert_eq!(log.offset_for_timestamp(201).await.unwrap(), None);
    })
    .unwrap();
}

/// A search by time looks where a fetch would: up to the high watermark, be that below what is
/// flushed or, for what is written only, above.
#[test]
fn a_search_by_time_stops_where_it_is_told_to() {
    let sim = machine(7);
    sim.run(async {
        let config = LogConfig {
            segment_bytes: 5_000,
            ..LogConfig::default()
        };
        let log = Log::create(sim.env(), dir(), config, shared_of(64 << 20));
        // Two to a segment; each one's timestamp is 1,000 and its offset.
        for number in 0..5 {
            log.append(&batch(2_000, number), Stamp::default(), 0)
                .unwrap();
            log.flushed(number as i64 + 1).await.unwrap();
        }
        log.append(&batch(2_000, 5), Stamp::default(), 0).unwrap();
        log.written(6).await.unwrap();
        assert_eq!(log.flushed_offset(), 5);
        assert_eq!(log.offset_for_timestamp(1_005).await.unwrap(), None);
        for offset in 0..6 {
            let timestamp_ms = 1_000 + offset;
            for up_to in 0..=6 {
                let found = log.offset_for_timestamp_up_to(timestamp_ms, up_to).await;
                let expected = (offset < up_to).then_some((offset, timestamp_ms));
                assert_eq!(found.unwrap(), expected, "{offset} up to {up_to}");
            }
        }
    })
    .unwrap();
}

/// A search in a batch that decompresses to far more than it has bytes leaves room for others.
#[test]
fn a_search_by_time_in_a_bomb_lets_others_go_on() {
    const INFLATED_BYTES: usize = 16 << 20;
    const TURNS_MIN: u32 = 100;
    for codec in [Codec::Gzip, Codec::Zstd] {
        let sim = machine(7);
        sim.run(async {
            let shared = shared_of(64 << 20);
            let log = Log::create(sim.env(), dir(), LogConfig::default(), shared);
            let mut builder = BatchBuilder::new(codec);
            builder.push_pair(100, None, Some(&vec![0; INFLATED_BYTES]));
            builder.push_pair(200, None, Some(b"what is looked for"));
            let batch = Bytes::from(builder.build().unwrap());
            log.append(&batch, Stamp::default(), 0).unwrap();
            log.flushed(2).await.unwrap();
            let mut search = std::pin::pin!(log.offset_for_timestamp(150));
            let mut turns = 0;
            let found = std::future::poll_fn(|context| {
                turns += 1;
                search.as_mut().poll(context)
            });
            assert_eq!(found.await.unwrap(), Some((1, 200)));
            assert!(turns >= TURNS_MIN, "{codec}: {turns} turns");
        })
        .unwrap();
    }
}
