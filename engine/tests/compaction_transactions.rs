//! Compaction of transactions, as a consumer of committed records sees it: what was aborted
//! never shows, what was committed never goes but for newer records, and markers go last.
#![allow(clippy::unwrap_used)]

mod cleaning;
mod world;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use cleaning::{
    DELETE_RETENTION_MS, Done, How, Known, Pair, Read, batches_of, clean_all, new_log, open,
    records_of,
};
use naru_engine::index::AbortedTransaction;
use naru_engine::log::{Log, Stamp};
use naru_record_batch::{
    BatchBuilder, BatchHeader, Codec, EndTransactionMarker, TransactionResult,
};
use naru_runtime::sim::SimEnv;

/// A log with transactions, and what was committed to it.
struct Story {
    env: SimEnv,
    log: Log<SimEnv>,
    committed: Known,
    /// Of each open transaction its first offset, and what it wrote.
    open: HashMap<i64, (i64, Known)>,
    now_ms: i64,
}

impl Story {
    async fn begin(env: SimEnv) -> Self {
        Self {
            log: open(&env).await.unwrap(),
            env,
            committed: Known::default(),
            open: HashMap::new(),
            now_ms: 100,
        }
    }

    fn write(&mut self, producer_id: i64, pairs: &[Pair]) -> i64 {
        let begin = (self.log.end_offset(), Known::default());
        let (first, known) = self.open.entry(producer_id).or_insert(begin);
        let builder = BatchBuilder::new(Codec::Lz4).producer(producer_id, 0, *first as i32);
        let end = known.append_as(&self.log, builder.transactional(), pairs, 10);
        end.unwrap() - 1
    }

    fn end(&mut self, producer_id: i64, result: TransactionResult) -> i64 {
        let marker = EndTransactionMarker {
            result,
            coordinator_epoch: 0,
        };
        let batch = marker.build(producer_id, 0, 10);
        let appended = self.log.append_checked(&batch, Stamp::default(), 10);
        let offset = appended.unwrap().last_offset;
        let Some((first_offset, known)) = self.open.remove(&producer_id) else {
            return offset;
        };
        match result {
            TransactionResult::Commit => {
                let mut committed = self.committed.0.borrow_mut();
                committed.append(&mut known.0.borrow_mut());
            }
            TransactionResult::Abort => self.log.note_aborted(AbortedTransaction {
                producer_id,
                first_offset,
                last_offset: offset,
                last_stable_offset: self.stable(offset + 1),
            }),
        }
        offset
    }

    fn stable(&self, end: i64) -> i64 {
        let open = self.open.values().map(|(first, _)| *first);
        open.min().unwrap_or(end)
    }

    fn plain(&self, count: u64, keys: u32) {
        for n in 0..count {
            let pairs = [((n % u64::from(keys)) as u32, Some(n))];
            self.committed.append(&self.log, &pairs, 10).unwrap();
        }
    }

    async fn how(&self) -> How {
        self.log.flushed(self.log.end_offset()).await.unwrap();
        let (start, end) = (self.log.start_offset(), self.log.end_offset());
        let stable_offset = self.stable(end);
        let aborted = self.log.aborted_transactions(start, stable_offset);
        How {
            stable_offset,
            aborted: aborted.await.unwrap(),
            ..How::at(self.now_ms)
        }
    }

    async fn clean(&self) -> Option<Done> {
        let how = self.how().await;
        let done = clean_all(&self.env, &self.log, &how).await.unwrap();
        self.check("cleaned").await;
        done
    }

    /// What a consumer of committed records gets, as Kafka's Java client filters it.
    async fn read_committed(&self) -> Vec<Read> {
        let (start, end) = (self.log.start_offset(), self.log.end_offset());
        let mut aborted = self
            .log
            .aborted_transactions(start, self.stable(end))
            .await
            .unwrap();
        aborted.sort_by_key(|a| std::cmp::Reverse(a.first_offset));
        let (mut dropped, mut found) = (HashSet::new(), Vec::new());
        for batch in batches_of(&self.log).await {
            let header = BatchHeader::parse(&batch).unwrap();
            if header.base_offset >= self.stable(end) {
                break;
            }
            while aborted
                .last()
                .is_some_and(|a| a.first_offset <= header.last_offset())
            {
                dropped.extend(aborted.pop().map(|a| a.producer_id));
            }
            if header.attributes.is_control() {
                let marker = EndTransactionMarker::parse(&header, &batch);
                if marker.is_some_and(|m| m.result == TransactionResult::Abort) {
                    dropped.remove(&header.producer_id);
                }
            } else if !header.attributes.is_transactional()
                || !dropped.contains(&header.producer_id)
            {
                found.extend(records_of(&batch));
            }
        }
        // While another one is open, the marker of one may not be readable yet.
        let is_all_read = self.stable(end) == end;
        assert!(
            dropped.is_empty() || !is_all_read,
            "producers are dropped for ever: {dropped:?}"
        );
        found
    }

    async fn check(&self, story: &str) {
        let found = self.read_committed().await;
        let mut latest = HashMap::new();
        {
            let committed = self.committed.0.borrow();
            for record in &found {
                assert_eq!(committed.get(&record.offset), Some(record), "{story}");
                latest.insert(record.key.clone().unwrap(), record.clone());
            }
        }
        let newest = self.committed.newest(self.stable(self.log.end_offset()));
        for (key, newest) in newest {
            let found = latest.get(&key);
            assert!(
                found == Some(&newest) || newest.value.is_none(),
                "{story}: {newest:?} is not the newest, but {found:?}"
            );
        }
    }

    async fn headers(&self) -> Vec<BatchHeader> {
        let batches = batches_of(&self.log).await;
        let headers = batches.iter().map(|batch| BatchHeader::parse(batch));
        headers.map(Result::unwrap).collect()
    }

    async fn header_at(&self, offset: i64) -> Option<BatchHeader> {
        let headers = self.headers().await;
        headers.into_iter().find(|h| h.last_offset() == offset)
    }
}

fn run(seed: u64, story: impl AsyncFnOnce(Story)) {
    let (sim, _) = new_log(seed);
    let env = sim.env();
    sim.run(async { story(Story::begin(env).await).await })
        .unwrap();
}

const COMMIT: TransactionResult = TransactionResult::Commit;
const ABORT: TransactionResult = TransactionResult::Abort;

#[test]
fn aborted_data_goes_and_its_marker_after_the_horizon() {
    run(1, async |mut story| {
        story.plain(10, 5);
        let data = story.write(7, &[(1, Some(666)), (2, Some(667))]);
        let marker = story.end(7, ABORT);
        story.plain(100, 5);
        story.clean().await.unwrap();
        assert_eq!(story.header_at(data).await, None);
        // In this pass its data was seen: it stays as it is, and with it the index.
        let seen = story.header_at(marker).await.unwrap();
        assert_eq!((seen.is_empty(), seen.delete_horizon_ms()), (false, None));
        let passes = [(5_000, true), (5_500, true), (6_000, false)];
        for (now_ms, stays) in passes {
            story.now_ms = now_ms;
            story.plain(100, 5);
            story.clean().await.unwrap();
            let found = story.header_at(marker).await;
            assert_eq!(found.is_some(), stays, "at {now_ms}");
            if let Some(found) = found {
                assert_eq!(found.delete_horizon_ms(), Some(5_000 + DELETE_RETENTION_MS));
            }
            let end = story.log.end_offset();
            let index = story.log.aborted_transactions(0, end).await.unwrap();
            assert_eq!(!index.is_empty(), stays, "at {now_ms}");
        }
    });
}

/// An aborted record is none: it supersedes no committed one.
#[test]
fn an_aborted_record_supersedes_nothing() {
    run(2, async |mut story| {
        story
            .committed
            .append(&story.log, &[(900, Some(1))], 10)
            .unwrap();
        story.write(7, &[(900, None), (901, Some(5))]);
        story.end(7, ABORT);
        story.plain(150, 3);
        story.clean().await.unwrap();
        let found = story.read_committed().await;
        assert!(found.iter().any(|record| record.offset == 0));
    });
}

/// KAFKA-8351: what was seen of a transaction was forgotten between two groups of segments, and
/// the marker in the second one went while its data in the first one stayed.
#[test]
fn a_transaction_over_several_groups_keeps_its_marker() {
    run(3, async |mut story| {
        let data = story.write(7, &[(900, Some(1)), (901, Some(2))]);
        story.plain(600, 590);
        story.write(8, &[(902, Some(1))]);
        let marker = story.end(7, COMMIT);
        let aborted = story.end(8, ABORT);
        story.plain(100, 3);
        for now_ms in [5_000, 7_000, 9_000] {
            story.now_ms = now_ms;
            let done = story.clean().await.unwrap();
            assert!(done.cleaned_to > marker, "{done:?}");
            assert!(story.header_at(data).await.is_some_and(|h| !h.is_empty()));
            let found = story.header_at(marker).await.unwrap();
            let state = (found.is_empty(), found.delete_horizon_ms());
            assert_eq!(state, (false, None), "at {now_ms}");
            story.plain(100, 3);
        }
        // That of the aborted one, whose data is gone, is gone by now.
        assert_eq!(story.header_at(aborted).await, None);
    });
}

/// KAFKA-14055: markers were told apart by their keys, which are equal, and an older one was
/// taken for superseded: its transaction was torn.
#[test]
fn markers_with_equal_keys_supersede_nothing() {
    run(4, async |mut story| {
        let mut markers = Vec::new();
        for producer_id in 10..20 {
            let key = 900 + producer_id as u32;
            let data = story.write(producer_id, &[(key, Some(1)), (1, Some(2))]);
            let result = if producer_id % 3 == 0 { ABORT } else { COMMIT };
            markers.push((data, story.end(producer_id, result), result));
        }
        story.plain(150, 2);
        for now_ms in [5_000, 7_000] {
            story.now_ms = now_ms;
            story.clean().await.unwrap();
            for &(data, marker, result) in &markers {
                if result == COMMIT {
                    assert!(story.header_at(data).await.is_some());
                    let found = story.header_at(marker).await;
                    assert!(found.is_some_and(|h| !h.is_empty()), "{marker}");
                }
            }
            story.plain(150, 2);
        }
    });
}

/// KAFKA-13727: what was not cleaned for want of memory was copied as it was, and the aborted
/// index did not cover it: aborted records showed.
#[test]
fn what_there_was_no_memory_for_keeps_its_aborted_index() {
    for memory_bytes in [1, 100, 700, 1 << 20] {
        run(5, async |mut story| {
            for round in 0..40 {
                story.write(7, &[(1, Some(round)), (2, Some(666))]);
                story.write(8, &[(round as u32, Some(round))]);
                story.plain(12, 9);
                story.end(7, ABORT);
                story.end(8, COMMIT);
            }
            let how = How {
                memory_bytes,
                ..story.how().await
            };
            for _ in 0..3 {
                clean_all(&story.env, &story.log, &how).await.unwrap();
                story.check("in little memory").await;
            }
        });
    }
}

/// The part from the first open transaction on is left alone.
#[test]
fn nothing_of_an_open_transaction_is_cleaned() {
    run(6, async |mut story| {
        story.plain(100, 3);
        let first = story.log.end_offset();
        story.write(7, &[(1, Some(1)), (2, Some(2))]);
        story.plain(200, 3);
        let done = story.clean().await.unwrap();
        assert!(done.cleaned_to <= first, "{done:?}");
        story.end(7, COMMIT);
        story.plain(10, 3);
        let done = story.clean().await.unwrap();
        assert!(done.cleaned_to > first, "{done:?}");
    });
}

/// Clean segments with transactions are read, and not written, when nothing in them changes.
#[test]
fn clean_transactions_are_not_written_again() {
    run(7, async |mut story| {
        for key in 0..150 {
            story.write(7, &[(key, Some(1)), (1_000 + key, Some(2))]);
            story.end(7, COMMIT);
        }
        let first = story.clean().await.unwrap();
        for key in 500..560 {
            story.write(7, &[(key, Some(1))]);
            story.end(7, COMMIT);
        }
        let second = story.clean().await.unwrap();
        let again = second.replaced.concat();
        let again = again.iter().filter(|&&base| base < first.cleaned_to);
        assert_eq!(again.count(), 0, "{first:?}, then {second:?}");
    });
}

/// Everything at once, by a seed, over three lives of the log.
#[test]
fn any_mix_of_transactions_reads_as_it_was_committed() {
    for seed in 0..60u64 {
        let (mut sim, _) = new_log(seed);
        let (mut committed, mut now_ms, mut state) = (Known::default(), 100, seed | 1);
        let mut next = move |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) % below
        };
        for life in 0..3 {
            let env = sim.env();
            let known = committed.clone();
            let result = sim.run(async {
                let mut story = Story::begin(env).await;
                story.committed = known;
                story.now_ms = now_ms;
                for _ in 0..120 {
                    let producer_id = 10 + next(4) as i64;
                    let is_open = story.open.contains_key(&producer_id);
                    match next(8) {
                        0 if is_open => drop(story.end(producer_id, ABORT)),
                        1 | 2 if is_open => drop(story.end(producer_id, COMMIT)),
                        3 => story.plain(3, 7),
                        _ => {
                            let value = (next(5) > 0).then(|| next(1_000));
                            let pair = (next(25) as u32, value);
                            let more = (next(25) as u32, Some(next(9)));
                            story.write(producer_id, &[pair, more]);
                        }
                    }
                    if next(25) == 0 {
                        story.now_ms += next(900) as i64;
                        let how = story.how().await;
                        let how = How {
                            memory_bytes: 1 << next(16),
                            ..how
                        };
                        clean_all(&story.env, &story.log, &how).await.unwrap();
                        story.check(&format!("seed {seed}, life {life}")).await;
                    }
                }
                let open: Vec<i64> = story.open.keys().copied().collect();
                for producer_id in open {
                    story.end(producer_id, COMMIT);
                }
                story.log.flushed(story.log.end_offset()).await.unwrap();
                story.log.close(Bytes::from_static(b"owner")).await.unwrap();
                (story.committed.fork(), story.now_ms)
            });
            (committed, now_ms) = result.unwrap();
            sim = sim.power_cut(seed);
        }
    }
}
