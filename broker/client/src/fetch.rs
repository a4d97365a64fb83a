//! Fetch from one leader, without a session: positions in, records out.

use std::collections::BTreeMap;
use std::time::Duration;

use naru_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic};
use naru_wire::{ErrorCode, Str};

use crate::offsets::{Isolation, Partition};
use crate::records::{Record, read_records};
use crate::{Cluster, KafkaError};

/// The last version that names topics.
const VERSION_MAX: i16 = 12;

/// Of one partition, and of one answer.
const PARTITION_BYTES_MAX: i32 = 1 << 20;
const ANSWER_BYTES_MAX: i32 = 16 << 20;

/// What one fetch is to be like.
#[derive(Clone, Copy, Debug)]
pub struct FetchOptions {
    /// How long the broker may wait for a first record.
    pub wait_max: Duration,
    pub isolation: Isolation,
    /// Of one partition. A batch that is larger comes all the same (KIP-74).
    pub partition_bytes_max: i32,
}

impl FetchOptions {
    pub fn new(isolation: Isolation, wait_max: Duration) -> Self {
        Self {
            wait_max,
            isolation,
            partition_bytes_max: PARTITION_BYTES_MAX,
        }
    }
}

/// What a partition gave.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub partition: Partition,
    pub error_code: ErrorCode,
    /// Up to where the wanted isolation could have read.
    pub end_offset: i64,
    pub log_start_offset: i64,
    pub records: Vec<Record>,
    /// Where the next fetch begins.
    pub next_offset: i64,
}

impl Cluster {
    /// Reads these partitions of one leader, from these offsets on.
    ///
    /// # Errors
    /// When the leader cannot be asked, or gave what cannot be read. An error of one partition is
    /// told there.
    pub fn fetch(
        &mut self,
        leader: i32,
        positions: &[(Partition, i64)],
        options: FetchOptions,
    ) -> Result<Vec<Fetched>, KafkaError> {
        let mut topics: BTreeMap<Str, Vec<FetchPartition>> = BTreeMap::new();
        for ((name, partition), offset) in positions {
            let asked = topics.entry(name.clone()).or_default();
            asked.push(FetchPartition {
                partition: *partition,
                fetch_offset: *offset,
                partition_max_bytes: options.partition_bytes_max,
                ..Default::default()
            });
        }
        let topics = topics.into_iter().map(|(topic, partitions)| FetchTopic {
            topic,
            partitions,
            ..Default::default()
        });
        let request = FetchRequest {
            max_wait_ms: i32::try_from(options.wait_max.as_millis()).unwrap_or(i32::MAX),
            min_bytes: 1,
            max_bytes: ANSWER_BYTES_MAX,
            isolation_level: options.isolation.level(),
            topics: topics.collect(),
            ..Default::default()
        };
        let response = self.call_node_within(leader, &request, VERSION_MAX, options.wait_max)?;
        KafkaError::check(response.error_code, || "fetch".into(), None)?;
        let mut fetched = Vec::new();
        for topic in response.responses {
            for answer in topic.partitions {
                let partition = (topic.topic.detach(), answer.partition_index);
                let asked = positions.iter().find(|(place, _)| *place == partition);
                let from = asked.map_or(0, |(_, offset)| *offset);
                let bytes = answer.records.unwrap_or_default().pieces().concat();
                let aborted = answer.aborted_transactions.unwrap_or_default();
                let read = read_records(&bytes, from, &aborted)
                    .map_err(|error| unreadable(&partition, error.to_string()))?;
                fetched.push(Fetched {
                    partition,
                    error_code: answer.error_code,
                    end_offset: match options.isolation {
                        Isolation::ReadUncommitted => answer.high_watermark,
                        Isolation::ReadCommitted => answer.last_stable_offset,
                    },
                    log_start_offset: answer.log_start_offset,
                    records: read.records,
                    next_offset: read.next_offset.unwrap_or(from),
                });
            }
        }
        Ok(fetched)
    }
}

fn unreadable(partition: &Partition, reason: String) -> KafkaError {
    KafkaError::Records {
        topic: partition.0.to_string(),
        partition: partition.1,
        reason,
    }
}
