//! What comes out of a partition: committed records, and of transactions what consumers may see.
//!
//! A read goes by one view: the high watermark and the last stable offset are taken before the
//! records, and which transactions were aborted is told of exactly the records that are given
//! out. All that was decided below that last stable offset is in the index by then: an offset
//! that outran the decisions, or a list of another view, would show aborted records.

use std::rc::Rc;

use bytes::Bytes;
use naru_engine::log::{AbortedTransaction, LogError, ReadError};

use super::{Partition, Watch, Watcher};

/// Which records a consumer wants (`isolation.level`, KIP-98).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    /// Those below the last stable offset; the consumer drops the aborted ones.
    ReadCommitted,
}

impl Isolation {
    /// As requests say it: 1 is READ_COMMITTED.
    pub fn from_level(isolation_level: i8) -> Self {
        match isolation_level {
            1 => Self::ReadCommitted,
            _ => Self::ReadUncommitted,
        }
    }
}

/// What a read found.
#[derive(Clone, Debug)]
pub struct ReadRecords {
    pub records: Vec<Bytes>,
    /// The aborted transactions that have a part in what was read; `None` for who reads
    /// uncommitted records.
    pub aborted: Option<Vec<AbortedTransaction>>,
    pub end: Ends,
}

/// How far consumers may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    pub high_watermark: i64,
    pub last_stable_offset: i64,
}

impl Partition {
    /// Below it, every transaction is decided: it is open, or its marker is not committed, from
    /// here on. Without one it is the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        self.ends().last_stable_offset
    }

    pub fn ends(&self) -> Ends {
        let high_watermark = self.committed();
        let unstable = self.producers.borrow().first_unstable();
        // What was deleted below the start of the log holds nobody back.
        let stable = unstable.map_or(high_watermark, |first| first.max(self.start_offset()));
        Ends {
            high_watermark,
            last_stable_offset: stable.min(high_watermark),
        }
    }

    /// The end of what a consumer may read.
    pub fn readable_end(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadUncommitted => self.committed(),
            Isolation::ReadCommitted => self.last_stable_offset(),
        }
    }

    /// The end of what a consumer may read, after all that was written when this was called: a
    /// client that had its write acknowledged finds it, whatever its acks.
    pub async fn latest(&self, isolation: Isolation) -> Result<i64, LogError> {
        let written = self.log.written_offset();
        self.log.flushed(written).await?;
        self.settle();
        Ok(self.readable_end(isolation))
    }

    /// Whole batches from the one that holds `from` on, up to what a consumer may read.
    pub async fn read(
        &self,
        from: i64,
        bytes_max: usize,
        at_least_one: bool,
        isolation: Isolation,
    ) -> Result<ReadRecords, ReadError> {
        let end = self.ends();
        if from >= end.high_watermark {
            // A consumer that never waits has no watch, and would never see what nobody flushes.
            self.log.demand_flush(self.log.end_offset());
        }
        let up_to = match isolation {
            Isolation::ReadUncommitted => end.high_watermark,
            Isolation::ReadCommitted => end.last_stable_offset,
        };
        let read = self.log.read_batches(from, up_to, bytes_max, at_least_one);
        let read = read.await?;
        let aborted = match isolation {
            Isolation::ReadUncommitted => None,
            Isolation::ReadCommitted if read.slices.is_empty() => Some(Vec::new()),
            Isolation::ReadCommitted => {
                let aborted = self.log.aborted_transactions(from, read.next_offset);
                Some(aborted.await?)
            }
        };
        Ok(ReadRecords {
            records: read.slices,
            aborted,
            end,
        })
    }

    /// Watches for more to read from `from` on, of which a fetch takes `bytes_max` at most.
    /// `watcher` hears of it as of its partition `place`.
    pub fn watch(
        self: &Rc<Self>,
        from: i64,
        bytes_max: u64,
        isolation: Isolation,
        watcher: &Rc<Watcher>,
        place: usize,
    ) -> Watch {
        Watch::new(self, &self.log, from, bytes_max, isolation, watcher, place)
    }

    /// The first record with a timestamp of at least `timestamp_ms` that a consumer may read, as
    /// (offset, timestamp).
    pub async fn offset_for_timestamp(
        &self,
        timestamp_ms: i64,
        isolation: Isolation,
    ) -> Result<Option<(i64, i64)>, ReadError> {
        let up_to = self.readable_end(isolation);
        self.log
            .offset_for_timestamp_up_to(timestamp_ms, up_to)
            .await
    }

    /// The first record with the largest timestamp, if a consumer may read it, as (offset,
    /// timestamp).
    pub async fn offset_of_max_timestamp(
        &self,
        isolation: Isolation,
    ) -> Result<Option<(i64, i64)>, ReadError> {
        let found = self.log.offset_of_max_timestamp().await?;
        Ok(found.filter(|(offset, _)| *offset < self.readable_end(isolation)))
    }
}
