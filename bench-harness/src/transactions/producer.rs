//! A transactional producer: one transaction after the other, and which of them were committed.

use std::time::Duration;

use bytes::Bytes;
use naru_record_batch::{BatchBuilder, Codec};
use naru_runtime::Handle;
use naru_wire::api::end_txn::EndTxnRequest;
use naru_wire::api::init_producer_id::InitProducerIdRequest;
use naru_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use naru_wire::{ErrorCode, Str};

use super::command::Shape;
use crate::kafka::{Cluster, Connection, KafkaError};
use crate::load::unix_ms;
use crate::sides::{Coordinates, find_coordinator};

/// The first version in which the broker adds partitions to the transaction (KIP-890).
const PRODUCE_VERSION: i16 = 12;

/// The first version whose answer has the epoch of the next transaction (KIP-890).
const END_TXN_VERSION: i16 = 5;

const TRANSACTION_TIMEOUT_MS: i32 = 60_000;

/// What Java's producer waits before it asks again while the transaction before is completed.
const RETRY_AFTER: Duration = Duration::from_millis(20);
const RETRIES_MAX: u32 = 500;

/// Bytes of a value that say what it is: producer, transaction, record.
pub(super) const STAMP_BYTES: usize = 16;

/// What a value's first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Stamp {
    pub producer: u32,
    pub transaction: u64,
    pub record: u32,
}

impl Stamp {
    pub(super) fn write(self, value: &mut [u8]) {
        value[..4].copy_from_slice(&self.producer.to_be_bytes());
        value[4..12].copy_from_slice(&self.transaction.to_be_bytes());
        value[12..STAMP_BYTES].copy_from_slice(&self.record.to_be_bytes());
    }

    pub(super) fn read(value: &[u8]) -> Option<Self> {
        let stamp: &[u8; STAMP_BYTES] = value.first_chunk()?;
        let number = |from: usize, to: usize| {
            let bytes = stamp[from..to].iter();
            bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
        };
        Some(Self {
            producer: number(0, 4) as u32,
            transaction: number(4, 12),
            record: number(12, STAMP_BYTES) as u32,
        })
    }
}

pub(super) struct Producer {
    shape: Shape,
    handle: Handle,
    connection: Connection,
    index: u32,
    topic: Str,
    transactional_id: Str,
    producer_id: i64,
    producer_epoch: i16,
    /// The next sequence of each partition.
    sequences: Vec<i32>,
    random: fastrand::Rng,
    value: Vec<u8>,
    /// Which transactions were committed; the place is the number.
    committed: Vec<bool>,
    /// Requests that had to be sent again.
    retries: u64,
}

impl Producer {
    /// Finds its coordinator, which on a broker that is alone is that broker, and gets its id.
    pub(super) async fn connect(
        shape: &Shape,
        handle: &Handle,
        cluster: &Cluster,
        (topic, leader): (Str, i32),
        index: u32,
        run: &str,
    ) -> Result<Self, KafkaError> {
        let mut value = vec![0; (shape.size.0 as usize).max(STAMP_BYTES)];
        let mut random = fastrand::Rng::with_seed(u64::from(index) + 1);
        random.fill(&mut value);
        let mut producer = Self {
            shape: shape.clone(),
            handle: handle.clone(),
            connection: cluster.new_connection(leader).await?,
            index,
            topic,
            transactional_id: format!("{run}-{index}").into(),
            producer_id: -1,
            producer_epoch: -1,
            sequences: vec![0; shape.partitions as usize],
            random,
            value,
            committed: Vec::new(),
            retries: 0,
        };
        let (connection, id) = (&producer.connection, &producer.transactional_id);
        find_coordinator(handle, connection, Coordinates::Transactions, id).await?;
        producer.init().await?;
        Ok(producer)
    }

    async fn init(&mut self) -> Result<(), KafkaError> {
        let request = InitProducerIdRequest {
            transactional_id: Some(self.transactional_id.clone()),
            transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
            ..Default::default()
        };
        for _ in 0..RETRIES_MAX {
            let given = self.connection.call(&request).await?;
            if is_passing(given.error_code) {
                self.handle.sleep(RETRY_AFTER).await;
                continue;
            }
            KafkaError::check(given.error_code, || "InitProducerId".into(), None)?;
            (self.producer_id, self.producer_epoch) = (given.producer_id, given.producer_epoch);
            return Ok(());
        }
        Err(KafkaError::TooLate("InitProducerId".into(), 10))
    }

    /// How long after each other its transactions begin: all producers take turns.
    pub(super) fn interval(&self) -> Option<Duration> {
        let rate = self.shape.rate?;
        Some(Duration::from_secs_f64(
            f64::from(self.shape.producers) / rate,
        ))
    }

    /// Which transactions were committed; the place is the number.
    pub(super) fn committed(&self) -> &[bool] {
        &self.committed
    }

    /// Requests that had to be sent again.
    pub(super) fn retries(&self) -> u64 {
        self.retries
    }

    /// One transaction. Says how long its end took.
    pub(super) async fn transact(&mut self) -> Result<Duration, KafkaError> {
        let commits = self.random.f64() >= self.shape.aborts;
        self.produce().await?;
        let begun = self.handle.now();
        self.end(commits).await?;
        self.committed.push(commits);
        Ok(self.handle.now().saturating_duration_since(begun))
    }

    async fn produce(&mut self) -> Result<(), KafkaError> {
        let first = self.random.u32(0..self.shape.partitions);
        let (spread, records) = (self.shape.spread, self.shape.records);
        let mut partition_data = Vec::with_capacity(spread as usize);
        for at in 0..spread {
            let index = (first + at) % self.shape.partitions;
            let of_it = (at..records).step_by(spread as usize);
            partition_data.push(PartitionProduceData {
                index: index as i32,
                records: Some(self.batch(index as usize, of_it)),
            });
        }
        let request = ProduceRequest {
            transactional_id: Some(self.transactional_id.clone()),
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: self.topic.clone(),
                partition_data,
                ..Default::default()
            }],
        };
        self.send(request).await
    }

    fn batch(&mut self, partition: usize, records: impl Iterator<Item = u32>) -> Bytes {
        let sequence = self.sequences[partition];
        let builder = BatchBuilder::new(Codec::None);
        let builder = builder.producer(self.producer_id, self.producer_epoch, sequence);
        let mut builder = builder.transactional();
        for record in records {
            let stamp = Stamp {
                producer: self.index,
                transaction: self.committed.len() as u64,
                record,
            };
            stamp.write(&mut self.value);
            builder.push_pair(unix_ms(), None, Some(&self.value));
        }
        self.sequences[partition] += builder.records_count();
        let built = builder.build();
        Bytes::from(built.unwrap_or_else(|error| unreachable!("it has records: {error}")))
    }

    /// Sends again what was refused because the transaction before is not complete yet.
    async fn send(&mut self, mut request: ProduceRequest) -> Result<(), KafkaError> {
        for _ in 0..RETRIES_MAX {
            let answer = self.connection.send_in(&request, PRODUCE_VERSION)?.await?;
            let mut again = Vec::new();
            for answered in answer.responses.iter().flat_map(|t| &t.partition_responses) {
                if is_passing(answered.error_code) {
                    again.push(answered.index);
                    continue;
                }
                let what = || format!("produce of transaction {}", self.committed.len());
                KafkaError::check(answered.error_code, what, answered.error_message.as_ref())?;
            }
            if again.is_empty() {
                return Ok(());
            }
            self.retries += 1;
            for topic in &mut request.topic_data {
                topic
                    .partition_data
                    .retain(|data| again.contains(&data.index));
            }
            self.handle.sleep(RETRY_AFTER).await;
        }
        Err(KafkaError::TooLate("a transaction's produce".into(), 10))
    }

    async fn end(&mut self, commits: bool) -> Result<(), KafkaError> {
        let request = EndTxnRequest {
            transactional_id: self.transactional_id.clone(),
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            committed: commits,
        };
        for _ in 0..RETRIES_MAX {
            let ended = self.connection.send_in(&request, END_TXN_VERSION)?.await?;
            if is_passing(ended.error_code) {
                self.retries += 1;
                self.handle.sleep(RETRY_AFTER).await;
                continue;
            }
            KafkaError::check(ended.error_code, || "EndTxn".into(), None)?;
            if (ended.producer_id, ended.producer_epoch) != (self.producer_id, self.producer_epoch)
            {
                // Sequences begin anew with every epoch.
                self.sequences.fill(0);
            }
            (self.producer_id, self.producer_epoch) = (ended.producer_id, ended.producer_epoch);
            return Ok(());
        }
        Err(KafkaError::TooLate("EndTxn".into(), 10))
    }
}

/// Errors that mean: ask again.
fn is_passing(code: ErrorCode) -> bool {
    use ErrorCode::{
        ConcurrentTransactions, CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator,
    };
    matches!(
        code,
        ConcurrentTransactions
            | CoordinatorLoadInProgress
            | CoordinatorNotAvailable
            | NotCoordinator
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back() {
        let stamp = Stamp {
            producer: 7,
            transaction: 1 << 40,
            record: 9,
        };
        let mut value = [0; 20];
        stamp.write(&mut value);
        assert_eq!(Stamp::read(&value), Some(stamp));
        assert_eq!(Stamp::read(&value[..15]), None);
    }
}
