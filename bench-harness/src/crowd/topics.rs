//! The topics of a crowd, and what each of their partitions was given.

use bytes::Bytes;
use naru_record_batch::{BatchBuilder, Codec};
use naru_wire::Str;
use naru_wire::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};

use super::caller::Caller;
use crate::kafka::{Admin, KafkaError};
use crate::load::unix_ms;

/// Topics are named, not numbered, in this version, which every broker has.
pub(super) const PRODUCE_VERSION: i16 = 9;

/// Partitions of a topic that one request fills.
const PARTITIONS_PER_REQUEST_MAX: usize = 250;

pub(super) struct Topics {
    names: Vec<String>,
    /// Records that were acknowledged: topic by topic, partition by partition.
    acknowledged: Vec<i64>,
    partitions_each: usize,
}

impl Topics {
    /// As many partitions as the topics can share evenly, and no fewer than asked for.
    pub(super) fn create(admin: &Admin, topics: u32, partitions: u32) -> Result<Self, KafkaError> {
        let each = partitions.div_ceil(topics);
        let names: Vec<String> = (0..topics).map(|index| format!("crowd-{index}")).collect();
        for name in &names {
            admin.create_topic(name, each as i32, 1, &[])?;
        }
        Ok(Self {
            acknowledged: vec![0; names.len() * each as usize],
            names,
            partitions_each: each as usize,
        })
    }

    pub(super) fn partitions(&self) -> usize {
        self.acknowledged.len()
    }

    /// Gives every partition a batch of one record.
    pub(super) fn fill(&mut self, caller: &mut Caller, bytes: usize) -> Result<(), KafkaError> {
        let batch = batch(bytes);
        let all: Vec<usize> = (0..self.partitions()).collect();
        for of_topic in all.chunks(self.partitions_each) {
            for slots in of_topic.chunks(PARTITIONS_PER_REQUEST_MAX) {
                let request = self.request(slots, &batch);
                let answer = caller.call(&request, PRODUCE_VERSION)?;
                self.count(&answer)?;
            }
        }
        Ok(())
    }

    /// A produce of `batch` to each of these partitions, all of one topic.
    pub(super) fn request(&self, slots: &[usize], batch: &Bytes) -> ProduceRequest {
        let topic = slots.first().map_or(0, |slot| slot / self.partitions_each);
        let partitions = slots.iter().map(|slot| PartitionProduceData {
            index: (slot % self.partitions_each) as i32,
            records: Some(batch.clone()),
        });
        ProduceRequest {
            acks: -1,
            timeout_ms: 30_000,
            topic_data: vec![TopicProduceData {
                name: Str::from(&self.names[topic]),
                partition_data: partitions.collect(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    /// Notes what an answer acknowledges: a record of each partition.
    pub(super) fn count(&mut self, answer: &ProduceResponse) -> Result<(), KafkaError> {
        for topic in &answer.responses {
            let at = self.names.iter().position(|name| **name == *topic.name);
            let first = at.unwrap_or_default() * self.partitions_each;
            for partition in &topic.partition_responses {
                let what = || format!("produce to {}-{}", topic.name, partition.index);
                let message = partition.error_message.as_ref();
                KafkaError::check(partition.error_code, what, message)?;
                self.acknowledged[first + partition.index as usize] += 1;
            }
        }
        Ok(())
    }

    /// Records that were acknowledged and are not there.
    pub(super) fn lost(&self, admin: &Admin) -> Result<u64, KafkaError> {
        let ends = admin.end_offsets(&self.names)?;
        let lost = self.acknowledged.iter().zip(&ends);
        let lost = lost.map(|(acknowledged, end)| (acknowledged - end).max(0) as u64);
        let missing = self.acknowledged.len().saturating_sub(ends.len()) as u64;
        Ok(lost.sum::<u64>() + missing)
    }
}

/// One record of so many bytes, which do not compress.
pub(super) fn batch(bytes: usize) -> Bytes {
    let mut value = vec![0; bytes];
    fastrand::Rng::with_seed(1).fill(&mut value);
    let mut builder = BatchBuilder::new(Codec::None);
    builder.push_pair(unix_ms(), None, Some(&value));
    let built = builder.build();
    Bytes::from(built.unwrap_or_else(|error| unreachable!("one record is a batch: {error}")))
}
