//! What compaction leaves: offsets that are gone, batches without a record, records missing
//! within a batch. A log is read, searched, cut and recovered over them.
#![allow(clippy::unwrap_used)]

mod world;

use bytes::Bytes;
use naru_engine::log::{Log, LogConfig};
use naru_engine::recovery::{Replay, recover};
use naru_engine::segment::segment_path;
use naru_record_batch::{
    BatchBuilder, BatchHeader, BatchRewriter, HEADER_BYTES, RecordPieces, empty_batch, stamp,
};
use naru_runtime::sim::{Sim, SimEnv};
use naru_runtime::{Aligned, BLOCK_BYTES, Disk, File, Open};
use world::{dir, machine, shared};

/// A batch of `count` records from `base` on, of which those in `stays` are there.
fn batch(base: i64, count: i32, stays: &[i32]) -> Vec<u8> {
    let mut builder = BatchBuilder::default().producer(1, 0, base as i32);
    for number in 0..i64::from(count) {
        builder.push_pair(10 * (base + number), Some(b"key"), Some(b"value"));
    }
    let mut whole = builder.build().unwrap();
    stamp(&mut whole, base, 1 + (base / 40) as i32);
    let header = BatchHeader::parse(&whole).unwrap();
    if stays.is_empty() {
        return empty_batch(&header);
    }
    let mut records = RecordPieces::open(&header, &whole[HEADER_BYTES..]).unwrap();
    let mut rewriter = BatchRewriter::new(&header, None).unwrap();
    while let Some(front) = records.enter().unwrap() {
        if stays.contains(&front.offset_delta) {
            rewriter.keep(front, &mut records).unwrap();
        }
    }
    rewriter.finish().unwrap()
}

/// Two segments: 0 to 39 and 40 to 69, and what is left in them as (base, count, offset
/// deltas that stay).
const FIRST: [(i64, i32, &[i32]); 4] =
    [(5, 5, &[0, 3]), (12, 2, &[]), (20, 10, &[9]), (39, 1, &[])];
const SECOND: [(i64, i32, &[i32]); 3] = [(50, 5, &[4]), (60, 3, &[0, 1, 2]), (63, 7, &[])];
const END: i64 = 70;

fn records() -> Vec<i64> {
    let batches = FIRST.iter().chain(&SECOND);
    let offsets = batches.flat_map(|(base, _, stays)| {
        let offsets = stays.iter().map(|&delta| base + i64::from(delta));
        offsets.collect::<Vec<i64>>()
    });
    offsets.collect()
}

async fn write_segment(env: &SimEnv, base: i64, batches: &[(i64, i32, &[i32])]) {
    let bytes: Vec<u8> = batches
        .iter()
        .flat_map(|&(base, count, stays)| batch(base, count, stays))
        .collect();
    let path = segment_path(&dir(), base);
    let file = env.open(&path, Open::DirectNew).await.unwrap();
    let mut aligned = Aligned::new(bytes.len().next_multiple_of(BLOCK_BYTES));
    aligned.fill(0);
    aligned[..bytes.len()].copy_from_slice(&bytes);
    file.write_at(0, vec![aligned.freeze()]).await.unwrap();
    file.set_length(bytes.len() as u64).await.unwrap();
    file.sync_data().await.unwrap();
}

fn cleaned() -> Sim {
    let sim = machine(5);
    let env = sim.env();
    sim.run(async {
        env.create_dir_all(&dir()).await.unwrap();
        write_segment(&env, 0, &FIRST).await;
        write_segment(&env, 40, &SECOND).await;
        env.sync_dir(&dir()).await.unwrap();
    })
    .unwrap();
    sim
}

async fn open(env: &SimEnv) -> Log<SimEnv> {
    let mut told = Vec::new();
    let recovered = recover(env, &dir(), 0, &mut |replay| {
        if let Replay::Batch(header) = replay {
            told.push(header.base_offset);
        }
    })
    .await
    .unwrap();
    assert_eq!(told, [5, 12, 20, 39, 50, 60, 63]);
    assert_eq!((recovered.start_offset, recovered.next_offset), (0, END));
    let config = LogConfig::default();
    Log::open(env.clone(), dir(), recovered, config, shared())
        .await
        .unwrap()
}

/// The batches that one read gives, as (base, offset after the last).
async fn read(log: &Log<SimEnv>, from: i64, bytes_max: usize) -> Vec<(i64, i64)> {
    let slices = log.read(from, bytes_max, true).await.unwrap();
    let mut rest = Bytes::from(slices.concat());
    let mut found = Vec::new();
    while !rest.is_empty() {
        let header = BatchHeader::parse(&rest).unwrap();
        found.push((header.base_offset, header.next_offset()));
        rest = rest.slice(header.size_bytes()..);
    }
    found
}

#[test]
fn a_read_of_an_offset_that_is_gone_begins_with_the_next_batch() {
    let sim = cleaned();
    let env = sim.env();
    sim.run(async {
        let log = open(&env).await;
        let batches: Vec<(i64, i64)> = FIRST
            .iter()
            .chain(&SECOND)
            .map(|&(base, count, _)| (base, base + i64::from(count)))
            .collect();
        for from in 0..END {
            let next = *batches.iter().find(|(_, next)| *next > from).unwrap();
            assert_eq!(read(&log, from, 1).await, [next], "from {from}");
            let all = read(&log, from, 1 << 20).await;
            assert_eq!(all[0], next, "from {from}");
            let place = log.offset_metadata(from).await.unwrap();
            let there = log.offset_metadata(next.0).await.unwrap();
            assert_eq!(place.bytes_to(&there), 0, "from {from}");
        }
        assert!(read(&log, END, 1).await.is_empty());
        // One reader through it all.
        let (mut at, mut seen) = (0, Vec::new());
        while at < END {
            let found = read(&log, at, 100).await;
            at = found.last().unwrap().1;
            seen.extend(found);
        }
        assert_eq!(seen, batches);
    })
    .unwrap();
}

#[test]
fn a_search_by_time_finds_records_that_are_there() {
    let sim = cleaned();
    let env = sim.env();
    sim.run(async {
        let log = open(&env).await;
        for timestamp_ms in 0..END * 10 + 5 {
            let expected = records()
                .into_iter()
                .find(|offset| offset * 10 >= timestamp_ms);
            let found = log.offset_for_timestamp(timestamp_ms).await.unwrap();
            let expected = expected.map(|offset| (offset, offset * 10));
            assert_eq!(found, expected, "{timestamp_ms} ms");
        }
    })
    .unwrap();
}

#[test]
fn epochs_end_where_the_next_one_s_first_batch_begins() {
    let sim = cleaned();
    let env = sim.env();
    sim.run(async {
        let log = open(&env).await;
        assert_eq!(log.epoch_end(1), Some((1, 50)));
        assert_eq!(log.epoch_end(2), Some((2, END)));
    })
    .unwrap();
}

/// A cut in a gap left the log ending at the batch after the gap, which was gone: the next
/// append was given an offset that another replica does not have.
#[test]
fn a_cut_in_a_gap_ends_the_log_before_the_gap() {
    for to in 0..=END {
        let sim = cleaned();
        let env = sim.env();
        sim.run(async {
            let log = open(&env).await;
            let end = log.truncate_to(to).await.unwrap();
            let batches = FIRST.iter().chain(&SECOND);
            let mut stays = batches.filter(|(base, count, _)| base + i64::from(*count) <= to);
            let last = stays
                .next_back()
                .map(|(base, count, _)| base + i64::from(*count));
            let beginning = if to > 40 { 40 } else { 0 };
            let expected = last.unwrap_or(0).max(beginning);
            assert_eq!((end, log.end_offset()), (expected, expected), "cut to {to}");
            assert_eq!(log.flushed_offset(), expected);
        })
        .unwrap();
    }
}

/// The appends go on after what is left, and a crash finds them all.
#[test]
fn a_cleaned_log_goes_on_and_is_recovered() {
    let sim = cleaned();
    let env = sim.env();
    sim.run(async {
        let log = open(&env).await;
        let more = Bytes::from(batch(0, 3, &[0, 1, 2]));
        let appended = log.append(&more, Default::default(), 0).unwrap();
        assert_eq!(appended.base_offset, END);
        log.flushed(END + 3).await.unwrap();
        log.checkpoint(Bytes::from_static(b"owner")).await.unwrap();
    })
    .unwrap();
    let after = sim.power_cut(3);
    let env = after.env();
    after
        .run(async {
            let recovered = recover(&env, &dir(), 0, &mut |_| {}).await.unwrap();
            assert_eq!(recovered.next_offset, END + 3);
        })
        .unwrap();
}
