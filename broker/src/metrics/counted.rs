//! The counts of one shard, and a copy of them that another thread may have.

use naru_runtime::{Counter, Distribution, Histogram};

use super::requests::{RequestCounts, Requests};

/// What a shard counts while it serves.
pub struct ShardMetrics {
    pub requests: Requests,
    /// Batches that were appended for producers, by their bytes.
    batch_bytes: Histogram,
    records: Counter,
    /// Bytes of batches that fetches were answered with.
    pub fetched_bytes: Counter,
}

impl Default for ShardMetrics {
    fn default() -> Self {
        Self {
            requests: Requests::default(),
            batch_bytes: Histogram::of_bytes(),
            records: Counter::default(),
            fetched_bytes: Counter::default(),
        }
    }
}

impl ShardMetrics {
    /// A producer's batch was appended.
    pub fn appended(&self, bytes: usize, records: i32) {
        self.batch_bytes.record(bytes as u64);
        self.records.add(u64::try_from(records).unwrap_or(0));
    }

    pub fn copy(&self) -> Counted {
        Counted {
            requests: self.requests.copy(),
            batch_bytes: self.batch_bytes.copy(),
            records: self.records.get(),
            fetched_bytes: self.fetched_bytes.get(),
        }
    }
}

/// What [`ShardMetrics`] had at one moment, or those of several shards together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub requests: RequestCounts,
    pub batch_bytes: Distribution,
    pub records: u64,
    pub fetched_bytes: u64,
}

impl Counted {
    pub fn add(&mut self, other: &Self) {
        self.requests.add(&other.requests);
        self.batch_bytes.add(&other.batch_bytes);
        self.records += other.records;
        self.fetched_bytes += other.fetched_bytes;
    }
}
