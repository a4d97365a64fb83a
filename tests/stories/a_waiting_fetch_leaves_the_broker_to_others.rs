//! A fetch that has less than its `min.bytes` waits, and while it waits it costs nothing:
//! whatever its limits are, other clients of the shard are served and the CPU is idle.
//!
//! Once a broker took what is in the log for what one answer can carry, and read the same
//! bytes again and again until `max_wait_ms` were over, with its thread to itself.

use std::time::Duration;

use crate::harness::{Broker, Fetch, Fetched, Raw, batch, create_topic};

const NO_ERROR: i16 = 0;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;

/// Batches of the log that is fetched, and the bytes of each.
const BATCHES: i64 = 100;
const BATCH_BYTES: i32 = 567;
const VALUE: [u8; 497] = [7; 497];

/// How long a fetch waits that is to use no CPU, and the most that the broker may use
/// meanwhile: a thread that spins uses more than ten times as much.
const QUIET_WAIT_MS: i32 = 3_000;
const QUIET_CPU_MAX: Duration = Duration::from_millis(200);

/// Longer than any story takes: what is answered before was not answered for the time.
const FOREVER_MS: i32 = 600_000;

/// Produces that another client gets acknowledged while a fetch waits.
const PRODUCES: i64 = 20;

/// A broker with one shard, a topic to read from, with `BATCHES` batches in its first partition,
/// and another to write to.
fn broker_with_records() -> (Broker, Raw) {
    let broker = Broker::start(&[("naru.shards", "1")]);
    create_topic(&broker.bootstrap(), "read", 2, &[]);
    create_topic(&broker.bootstrap(), "written", 1, &[]);
    let mut raw = broker.raw();
    let batch = batch(&VALUE);
    assert_eq!(batch.len() as i32, BATCH_BYTES);
    for offset in 0..BATCHES {
        assert_eq!(raw.produce("read", 0, &batch).unwrap(), (NO_ERROR, offset));
    }
    (broker, raw)
}

/// Has the fetch wait, and demands that others are served and the CPU is idle meanwhile.
/// What it is answered in the end.
fn waits_quietly(broker: &Broker, other: &mut Raw, mut fetch: Fetch<'_>) -> Vec<Fetched> {
    fetch.max_wait_ms = FOREVER_MS;
    let mut waiting = broker.raw();
    waiting.send(&fetch.request()).unwrap();
    for _ in 0..PRODUCES {
        let (error, _) = other.produce("written", 0, &batch(b"beside it")).unwrap();
        assert_eq!(error, NO_ERROR);
    }
    assert!(!waiting.has_answer().unwrap(), "it has not waited");
    drop(waiting);

    fetch.max_wait_ms = QUIET_WAIT_MS;
    let mut waiting = broker.raw();
    let before = broker.cpu_time();
    waiting.send(&fetch.request()).unwrap();
    let answer = waiting.receive_fetched().unwrap();
    let used = broker.cpu_time() - before;
    assert!(used <= QUIET_CPU_MAX, "{used:?} of CPU for one fetch");
    answer
}

fn fetch<'a>(partitions: &'a [(i32, i64, i32)], min_bytes: i32, max_bytes: i32) -> Fetch<'a> {
    Fetch {
        topic: "read",
        partitions,
        max_wait_ms: FOREVER_MS,
        min_bytes,
        max_bytes,
    }
}

#[test]
fn whatever_its_limits_are() {
    let (broker, mut other) = broker_with_records();
    let last = [(0, BATCHES - 1, 1 << 20)];
    let small_partition = [(0, 0, 3 * BATCH_BYTES)];
    let tiny_partition = [(0, 0, 1)];
    let two_partitions = [(0, BATCHES - 2, 1 << 20), (1, 0, 1 << 20)];
    // The first two were seen: less than an index interval before the end, as any consumer with
    // fetch.min.bytes=10000 is now and then, and a partition limit below min.bytes.
    for (story, partitions, min_bytes, bytes) in [
        ("near the end", &last[..], 10_000, BATCH_BYTES),
        (
            "partition_max_bytes",
            &small_partition[..],
            10_000,
            3 * BATCH_BYTES,
        ),
        (
            "a batch above the limit",
            &tiny_partition[..],
            10_000,
            BATCH_BYTES,
        ),
        (
            "two partitions",
            &two_partitions[..],
            10_000,
            2 * BATCH_BYTES,
        ),
    ] {
        let fetch = fetch(partitions, min_bytes, 50 << 20);
        let found = waits_quietly(&broker, &mut other, fetch);
        assert_eq!(found[0].records_bytes as i32, bytes, "{story}");
        assert_eq!(found[0].high_watermark, BATCHES, "{story}");
    }
}

#[test]
fn a_fetch_of_an_older_segment_is_answered_at_once() {
    let broker = Broker::start(&[("naru.shards", "1")]);
    let configs = [("segment.bytes", "1048576")];
    create_topic(&broker.bootstrap(), "read", 1, &configs);
    let mut raw = broker.raw();
    let large = batch(&[7; 300_000]);
    for _ in 0..7 {
        raw.produce("read", 0, &large).unwrap();
    }
    // As Kafka: what is left of an older segment, three batches or one, will never be more.
    for (offset, batches) in [(0, 3), (2, 1), (5, 1)] {
        let from = [(0, offset, 50 << 20)];
        let request = fetch(&from, 4 << 20, 50 << 20).request();
        raw.send(&request).unwrap();
        let found = raw.receive_fetched().unwrap();
        assert_eq!(found[0].records_bytes, batches * large.len());
    }
}

#[test]
fn a_fetch_whose_max_bytes_are_reached_is_answered_at_once() {
    let (broker, _) = broker_with_records();
    let mut raw = broker.raw();
    // min.bytes is more than max.bytes allows, and three batches and a half are no whole four.
    for (min_bytes, max_bytes) in [(50_000, 2_000), (2_000, 2_000), (1 << 30, 50 << 20)] {
        let from = [(0, 0, 50 << 20)];
        let expected = (max_bytes / BATCH_BYTES).min(BATCHES as i32) * BATCH_BYTES;
        let mut asked = fetch(&from, min_bytes, max_bytes);
        if max_bytes > BATCHES as i32 * BATCH_BYTES {
            asked.max_wait_ms = 0;
        }
        raw.send(&asked.request()).unwrap();
        let found = raw.receive_fetched().unwrap();
        assert_eq!(found[0].records_bytes as i32, expected);
    }
}

#[test]
fn the_last_byte_that_is_missing_ends_the_wait() {
    let (broker, mut other) = broker_with_records();
    let from = [(0, BATCHES, 1 << 20), (1, 0, 1 << 20)];
    let mut waiting = broker.raw();
    let asked = fetch(&from, 4 * BATCH_BYTES, 50 << 20);
    waiting.send(&asked.request()).unwrap();
    let batch = batch(&VALUE);
    for partition in [0, 1, 0] {
        other.produce("read", partition, &batch).unwrap();
        assert!(!waiting.has_answer().unwrap());
    }
    other.produce("read", 1, &batch).unwrap();
    let found = waiting.receive_fetched().unwrap();
    let bytes: usize = found.iter().map(|found| found.records_bytes).sum();
    assert_eq!(bytes as i32, 4 * BATCH_BYTES);
}

/// `min.bytes` is of the request, whichever shards its partitions are on.
#[test]
fn what_the_shards_have_adds_up() {
    const PARTITIONS: i32 = 6;
    let broker = Broker::start(&[("naru.shards", "3")]);
    create_topic(&broker.bootstrap(), "read", PARTITIONS, &[]);
    let mut other = broker.raw();
    let batch = batch(&VALUE);
    let mut offsets = [0; PARTITIONS as usize];
    for round in 0..3 {
        let from: Vec<_> = (0..PARTITIONS)
            .map(|index| (index, offsets[index as usize], 1 << 20))
            .collect();
        let mut waiting = broker.raw();
        let wanted = (PARTITIONS + round) * BATCH_BYTES;
        waiting
            .send(&fetch(&from, wanted, 50 << 20).request())
            .unwrap();
        for number in 0..PARTITIONS + round {
            assert!(
                !waiting.has_answer().unwrap(),
                "{number} batches were enough"
            );
            let index = number % PARTITIONS;
            let produced = other.produce("read", index, &batch).unwrap();
            assert_eq!(produced, (NO_ERROR, offsets[index as usize]));
            offsets[index as usize] += 1;
        }
        let found = waiting.receive_fetched().unwrap();
        let bytes: usize = found.iter().map(|found| found.records_bytes).sum();
        assert_eq!(bytes as i32, wanted);
    }
}

#[test]
fn a_partition_that_is_unknown_does_not_end_the_wait_for_another() {
    let (broker, mut other) = broker_with_records();
    let from = [(0, BATCHES, 1 << 20), (99, 0, 1 << 20)];
    let mut waiting = broker.raw();
    waiting.send(&fetch(&from, 1, 50 << 20).request()).unwrap();
    for _ in 0..PRODUCES {
        other.produce("written", 0, &batch(b"beside it")).unwrap();
    }
    assert!(!waiting.has_answer().unwrap(), "it has not waited");
    other.produce("read", 0, &batch(b"awaited")).unwrap();
    let found = waiting.receive_fetched().unwrap();
    let errors: Vec<_> = found.iter().map(|f| (f.partition, f.error)).collect();
    assert_eq!(errors, [(0, NO_ERROR), (99, UNKNOWN_TOPIC_OR_PARTITION)]);
    assert!(found[0].records_bytes > 0);

    // Alone there is nothing to wait for.
    let alone = [(99, 0, 1 << 20)];
    waiting.send(&fetch(&alone, 1, 50 << 20).request()).unwrap();
    let found = waiting.receive_fetched().unwrap();
    assert_eq!(found[0].error, UNKNOWN_TOPIC_OR_PARTITION);
}
