//! A log with transactions, and what a consumer of committed records is to see of it.

use std::collections::{HashMap, HashSet};

use naru_engine::index::AbortedTransaction;
use naru_engine::log::{Log, Stamp};
use naru_record_batch::{
    BatchBuilder, BatchHeader, Codec, EndTransactionMarker, TransactionResult,
};
use naru_runtime::sim::SimEnv;

use super::{Done, How, Known, Pair, Read, batches_of, clean_all, open_knowing, records_of};

pub const COMMIT: TransactionResult = TransactionResult::Commit;
pub const ABORT: TransactionResult = TransactionResult::Abort;

/// A log with transactions, and what was committed to it.
pub struct Story {
    pub env: SimEnv,
    pub log: Log<SimEnv>,
    pub committed: Known,
    /// Of each open transaction its first offset, and what it wrote.
    pub open: HashMap<i64, (i64, Known)>,
    pub now_ms: i64,
    /// All that were ever aborted.
    pub aborted: Vec<AbortedTransaction>,
}

impl Story {
    pub async fn begin(env: SimEnv) -> Self {
        Self::begin_knowing(env, Vec::new()).await
    }

    /// Goes on with a log to which `aborted` were written.
    pub async fn begin_knowing(env: SimEnv, aborted: Vec<AbortedTransaction>) -> Self {
        let opened = open_knowing(&env, &aborted).await;
        Self {
            log: opened.unwrap_or_else(|error| panic!("{error}")),
            env,
            aborted,
            committed: Known::default(),
            open: HashMap::new(),
            now_ms: 100,
        }
    }

    pub fn write(&mut self, producer_id: i64, pairs: &[Pair]) -> i64 {
        let begin = (self.log.end_offset(), Known::default());
        let (first, known) = self.open.entry(producer_id).or_insert(begin);
        let builder = BatchBuilder::new(Codec::Lz4).producer(producer_id, 0, *first as i32);
        let end = known.append_as(&self.log, builder.transactional(), pairs, 10);
        end.unwrap() - 1
    }

    pub fn end(&mut self, producer_id: i64, result: TransactionResult) -> i64 {
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
            TransactionResult::Abort => {
                let transaction = AbortedTransaction {
                    producer_id,
                    first_offset,
                    last_offset: offset,
                    last_stable_offset: self.stable(offset + 1),
                };
                self.log.note_aborted(transaction);
                self.aborted.push(transaction);
            }
        }
        offset
    }

    pub fn stable(&self, end: i64) -> i64 {
        let open = self.open.values().map(|(first, _)| *first);
        open.min().unwrap_or(end)
    }

    pub fn plain(&self, count: u64, keys: u32) {
        for n in 0..count {
            let pairs = [((n % u64::from(keys)) as u32, Some(n))];
            self.committed.append(&self.log, &pairs, 10).unwrap();
        }
    }

    pub async fn how(&self) -> How {
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

    pub async fn clean(&self) -> Option<Done> {
        let how = self.how().await;
        let done = clean_all(&self.env, &self.log, &how).await.unwrap();
        self.check("cleaned").await;
        done
    }

    /// What a consumer of committed records gets, as Kafka's Java client filters it.
    pub async fn read_committed(&self) -> Vec<Read> {
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

    pub async fn check(&self, story: &str) {
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

    pub async fn headers(&self) -> Vec<BatchHeader> {
        let batches = batches_of(&self.log).await;
        let headers = batches.iter().map(|batch| BatchHeader::parse(batch));
        headers.map(Result::unwrap).collect()
    }

    pub async fn header_at(&self, offset: i64) -> Option<BatchHeader> {
        let headers = self.headers().await;
        headers.into_iter().find(|h| h.last_offset() == offset)
    }
}
