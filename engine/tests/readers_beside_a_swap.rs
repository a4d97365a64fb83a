//! Readers while cleaned segments take the places of old ones, by many seeds: at the end, from old
//! offsets, by time, and of committed records; beside producers who append and roll. Nobody
//! waits for ever, misses a record that was there all the time, or sees an aborted one.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use bytes::Bytes;
use cleaning::transactions::{ABORT, COMMIT, Story};
use cleaning::{DELETE_RETENTION_MS, How, Known, Read, check, clean_all, new_log, records_of};
use naru_engine::compaction::CleanError;
use naru_engine::log::ReadError;
use naru_record_batch::{BatchHeader, EndTransactionMarker, TransactionResult};
use naru_runtime::sync::Notify;
use naru_runtime::{Disk, Spawn};

const KEYS: u64 = 20;
const SEEDS: u64 = 20;
/// In each story.
const CLEANINGS: u64 = 4;
/// More than any story takes.
const STEPS_MAX: u64 = 1_000_000;
/// Between two cleanings; a reader has `DELETE_RETENTION_MS`.
const BETWEEN_MS: i64 = 150;

/// Who is at work beside the others.
#[derive(Default)]
struct AtWork {
    count: Cell<usize>,
    changed: Notify,
}

struct Stage {
    story: RefCell<Story>,
    at_work: Rc<AtWork>,
    dice: Cell<u64>,
    is_over: Cell<bool>,
    cleanings_count: Cell<u64>,
    swaps_count: Cell<usize>,
    reads_count: Cell<u64>,
}

impl Stage {
    fn next(&self, below: u64) -> u64 {
        let state = self.dice.get();
        let state = state.wrapping_mul(6_364_136_223_846_793_005);
        let state = state.wrapping_add(1_442_695_040_888_963_407);
        self.dice.set(state);
        (state >> 33) % below
    }

    fn work(self: &Rc<Self>, task: impl AsyncFnOnce(&Stage) + 'static) {
        let env = self.story.borrow().env.clone();
        let (stage, at_work) = (Rc::clone(self), Rc::clone(&self.at_work));
        at_work.count.set(at_work.count.get() + 1);
        env.spawn(async move {
            task(&stage).await;
            at_work.count.set(at_work.count.get() - 1);
            at_work.changed.notify_all();
        });
    }

    async fn flush(&self) {
        let log = self.story.borrow().log.clone();
        log.flushed(log.end_offset()).await.unwrap();
    }

    /// Lets the others go on.
    async fn pause(&self) {
        let env = self.story.borrow().env.clone();
        env.list(&world::dir()).await.unwrap();
    }

    fn stable(&self) -> i64 {
        let story = self.story.borrow();
        let flushed = story.log.flushed_offset();
        story.stable(flushed).min(flushed)
    }
}

async fn produce(stage: &Stage) {
    while stage.cleanings_count.get() < CLEANINGS {
        {
            let mut story = stage.story.borrow_mut();
            let producer_id = 10 + stage.next(3) as i64;
            let is_open = story.open.contains_key(&producer_id);
            let key = || stage.next(KEYS) as u32;
            match stage.next(7) {
                0 if is_open => drop(story.end(producer_id, ABORT)),
                1 | 2 if is_open => drop(story.end(producer_id, COMMIT)),
                3 => story.plain(1 + stage.next(4), KEYS as u32),
                _ => {
                    let value = (stage.next(6) > 0).then(|| stage.next(1_000));
                    let pairs = [(key(), value), (key(), Some(stage.next(9)))];
                    story.write(producer_id, &pairs);
                }
            }
        }
        if stage.next(3) == 0 {
            stage.flush().await;
        }
        for _ in 0..stage.next(40) {
            stage.pause().await;
        }
    }
    let open: Vec<i64> = stage.story.borrow().open.keys().copied().collect();
    for producer_id in open {
        stage.story.borrow_mut().end(producer_id, COMMIT);
    }
    stage.flush().await;
    stage.is_over.set(true);
}

/// One cleaning after another: two swaps of the same segments may be within one read.
async fn clean(stage: &Stage) {
    while !stage.is_over.get() {
        let (env, log, now_ms) = {
            let mut story = stage.story.borrow_mut();
            story.now_ms += BETWEEN_MS;
            (story.env.clone(), story.log.clone(), story.now_ms)
        };
        let stable_offset = stage.stable();
        let start = log.start_offset();
        let aborted = log.aborted_transactions(start, stable_offset).await;
        let how = How {
            stable_offset,
            aborted: aborted.unwrap(),
            memory_bytes: [1 << 20, 1 << 20, 1 << 20, 600][stage.next(4) as usize],
            ..How::at(now_ms)
        };
        match clean_all(&env, &log, &how).await {
            Ok(None) => stage.pause().await,
            Ok(Some(done)) => {
                let swaps_count = stage.swaps_count.get() + done.replaced.len();
                stage.swaps_count.set(swaps_count);
            }
            Err(error) => panic!("nothing was cut off: {error}"),
        }
        stage.cleanings_count.set(stage.cleanings_count.get() + 1);
    }
}

/// A consumer of committed records, as Kafka's Java client filters them.
#[derive(Default)]
struct Committed {
    dropped: HashSet<i64>,
    found: Vec<Read>,
}

impl Committed {
    fn take(
        &mut self,
        mut bytes: Bytes,
        mut aborted: Vec<naru_engine::index::AbortedTransaction>,
        at: i64,
    ) -> i64 {
        aborted.sort_by_key(|a| std::cmp::Reverse(a.first_offset));
        let mut next = at;
        while !bytes.is_empty() {
            let header = BatchHeader::parse(&bytes).unwrap();
            assert!(header.next_offset() > next, "a batch before {next}");
            next = header.next_offset();
            let batch = bytes.split_to(header.size_bytes());
            while aborted
                .last()
                .is_some_and(|a| a.first_offset <= header.last_offset())
            {
                self.dropped.extend(aborted.pop().map(|a| a.producer_id));
            }
            let producer_id = header.producer_id;
            if header.attributes.is_control() {
                let marker = EndTransactionMarker::parse(&header, &batch);
                if marker.is_some_and(|m| m.result == TransactionResult::Abort) {
                    self.dropped.remove(&producer_id);
                }
            } else if !header.attributes.is_transactional() || !self.dropped.contains(&producer_id)
            {
                self.found.extend(records_of(&batch));
            }
        }
        next
    }
}

/// Reads all that is committed, from the beginning, again and again.
async fn read_committed(stage: &Stage) {
    while !stage.is_over.get() {
        let (log, began_ms) = {
            let story = stage.story.borrow();
            (story.log.clone(), story.now_ms)
        };
        stage.pause().await;
        let end = stage.stable();
        let expected = stage.story.borrow().committed.newest(end);
        let (mut at, mut consumer) = (log.start_offset(), Committed::default());
        while at < end {
            let bytes_max = 200 + stage.next(6_000) as usize;
            let stable = stage.stable();
            let read = log.read_batches(at, stable, bytes_max, true).await.unwrap();
            assert!(!read.slices.is_empty(), "nothing at {at}, before {end}");
            let aborted = log.aborted_transactions(at, read.next_offset).await;
            let bytes = Bytes::from(read.slices.concat());
            at = consumer.take(bytes, aborted.unwrap(), at);
            assert_eq!(at, read.next_offset);
        }
        stage.reads_count.set(stage.reads_count.get() + 1);
        let is_slow = stage.story.borrow().now_ms - began_ms >= DELETE_RETENTION_MS;
        holds(
            &stage.story.borrow().committed,
            &expected,
            &consumer.found,
            is_slow,
        );
    }
}

/// Only what was committed was seen, and of each key the newest of when the reader began, or a
/// newer one. One who takes longer than `delete.retention.ms` may miss a tombstone, or a marker.
fn holds(known: &Known, expected: &HashMap<Vec<u8>, Read>, found: &[Read], is_slow: bool) {
    let mut latest = HashMap::new();
    for record in found {
        let known = known.0.borrow();
        assert_eq!(known.get(&record.offset), Some(record), "not committed");
        latest.insert(record.key.clone().unwrap(), record.offset);
    }
    if is_slow {
        return;
    }
    for (key, newest) in expected {
        let seen = latest.get(key);
        let is_newest = seen.is_some_and(|&at| at >= newest.offset);
        // Its tombstone went, and all older values before it.
        let is_deleted = newest.value.is_none() && seen.is_none();
        assert!(
            is_newest || is_deleted,
            "{newest:?} is the newest, not {seen:?}"
        );
    }
}

/// Reads what comes, and anything old, whatever is committed.
async fn read_anywhere(stage: &Stage) {
    let log = stage.story.borrow().log.clone();
    let at_the_end = log.tail_reader();
    while !stage.is_over.get() {
        stage.pause().await;
        let end = log.flushed_offset();
        let from = match stage.next(3) {
            0 => (end - 3).max(0),
            _ => stage.next(end as u64 + 1) as i64,
        };
        let pieces = log.read(from, 1 + stage.next(9_000) as usize, true).await;
        let mut bytes = Bytes::from(pieces.unwrap().concat());
        assert!(from == end || !bytes.is_empty(), "nothing at {from}");
        let mut at = from;
        while !bytes.is_empty() {
            let header = BatchHeader::parse(&bytes).unwrap();
            assert!(header.next_offset() > at, "a batch before {at}");
            at = header.next_offset();
            let batch = bytes.split_to(header.size_bytes());
            if !header.attributes.is_control() {
                records_of(&batch);
            }
        }
        stage.reads_count.set(stage.reads_count.get() + 1);
    }
    drop(at_the_end);
}

/// All records are of one time: the first that is there may go, but never is there none.
async fn read_by_time(stage: &Stage) {
    let log = stage.story.borrow().log.clone();
    while !stage.is_over.get() {
        stage.pause().await;
        let may_be_empty = log.flushed_offset() == 0;
        let found = log.offset_for_timestamp(10).await.unwrap();
        assert!(may_be_empty || found.is_some(), "no record of its time");
        let found = log.offset_for_timestamp(11).await.unwrap();
        assert_eq!(found, None, "records have become younger");
        stage.reads_count.set(stage.reads_count.get() + 1);
    }
}

/// What a story came to: cleanings, swaps, reads.
fn tell(seed: u64) -> (u64, usize, u64) {
    let (sim, _) = new_log(seed);
    sim.set_steps_max(STEPS_MAX);
    let env = sim.env();
    sim.run(async {
        let stage = Rc::new(Stage {
            story: RefCell::new(Story::begin(env).await),
            at_work: Rc::default(),
            dice: Cell::new(seed),
            is_over: Cell::new(false),
            cleanings_count: Cell::new(0),
            swaps_count: Cell::new(0),
            reads_count: Cell::new(0),
        });
        stage.story.borrow().plain(200, KEYS as u32);
        stage.flush().await;
        stage.work(async |stage| produce(stage).await);
        stage.work(async |stage| clean(stage).await);
        stage.work(async |stage| read_committed(stage).await);
        stage.work(async |stage| read_committed(stage).await);
        stage.work(async |stage| read_anywhere(stage).await);
        stage.work(async |stage| read_by_time(stage).await);
        while stage.at_work.count.get() > 0 {
            stage.at_work.changed.wait().await;
        }
        let counts = (
            &stage.cleanings_count,
            &stage.swaps_count,
            &stage.reads_count,
        );
        (counts.0.get(), counts.1.get(), counts.2.get())
    })
    .unwrap()
}

#[test]
fn readers_never_notice_a_swap() {
    let mut sum = (0, 0, 0);
    for seed in 0..SEEDS {
        let told = tell(seed);
        sum = (sum.0 + told.0, sum.1 + told.1, sum.2 + told.2);
    }
    let (cleanings_count, swaps_count, reads_count) = sum;
    println!("{cleanings_count} cleanings, {swaps_count} swaps, {reads_count} reads");
    assert!(swaps_count > 2 * SEEDS as usize, "{swaps_count} swaps");
    assert!(reads_count > 5 * SEEDS, "{reads_count} reads");
}

/// A log that was closed and opened again has been cleaned since: who still reads by the handle
/// of before is told that it is closed, and gets nothing of the new files.
#[test]
fn a_closed_log_gives_nothing_of_what_was_cleaned_since() {
    for seed in 0..20 {
        let (sim, known) = new_log(seed);
        let env = sim.env();
        sim.run(async {
            let before = cleaning::open(&env).await.unwrap();
            for n in 0..500u64 {
                known
                    .append(&before, &[((n % 9) as u32, Some(n))], 10)
                    .unwrap();
            }
            before.flushed(before.end_offset()).await.unwrap();
            // Twice, and nothing is left in memory: what is read comes from files.
            before.rest();
            before.rest();
            before.close(Bytes::from_static(b"owner")).await.unwrap();
            let after = cleaning::open(&env).await.unwrap();
            clean_all(&env, &after, &How::at(100))
                .await
                .unwrap()
                .unwrap();
            let read = before.read(0, 1 << 20, true).await;
            let is_told = matches!(&read, Err(ReadError::Io { .. }));
            assert!(
                is_told,
                "seed {seed}: {:?}",
                read.map(|pieces| pieces.len())
            );
        })
        .unwrap();
    }
}

/// The partition was not cleaned until the next start, when retention had begun to drop a
/// segment, and the cleaning did not find it.
#[test]
fn a_segment_that_is_being_dropped_is_no_damage() {
    for seed in 0..60u64 {
        let (sim, known) = new_log(seed);
        let env = sim.env();
        sim.run(async {
            let log = cleaning::open(&env).await.unwrap();
            for n in 0..400u64 {
                known
                    .append(&log, &[((n % 9) as u32, Some(n))], 10)
                    .unwrap();
            }
            log.flushed(log.end_offset()).await.unwrap();
            let dropping = log.clone();
            env.spawn(async move { drop(dropping.advance_start(150).await) });
            for _ in 0..seed % 20 {
                env.list(&world::dir()).await.unwrap();
            }
            let before = log.changes_count();
            let done = clean_all(&env, &log, &How::at(100)).await;
            let is_explained = matches!(done, Ok(_) | Err(CleanError::Stopped));
            let has_changed = log.changes_count() != before;
            assert!(is_explained || has_changed, "seed {seed}: {done:?}");
        })
        .unwrap();
    }
}

/// A segment was sealed, and the file of the next one not made yet, when the swap was to be told
/// of: the segments seemed to be others, and the shard ended with a panic.
#[test]
fn appends_that_roll_do_not_disturb_a_swap() {
    for seed in 0..30u64 {
        let (sim, known) = new_log(seed);
        let env = sim.env();
        sim.run(async {
            let log = cleaning::open(&env).await.unwrap();
            for n in 0..200u64 {
                known
                    .append(&log, &[((n % 9) as u32, Some(n))], 10)
                    .unwrap();
            }
            log.flushed(log.end_offset()).await.unwrap();
            {
                let (log, known) = (log.clone(), known.clone());
                env.spawn(async move {
                    let pairs: Vec<_> = (0..100).map(|n| (n % 9, Some(u64::from(n)))).collect();
                    for _ in 0..30 {
                        // Each is larger than a segment.
                        known.append(&log, &pairs, 10).unwrap();
                        log.flushed(log.end_offset()).await.unwrap();
                    }
                });
            }
            for _ in 0..3 {
                let done = clean_all(&env, &log, &How::at(100)).await;
                done.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            }
            check(&log, &known, log.flushed_offset(), &format!("seed {seed}")).await;
        })
        .unwrap();
    }
}
