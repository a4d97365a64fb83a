//! Produce to one partition's leader, and the id that makes a repetition harmless (KIP-98).

use bytes::Bytes;
use naru_wire::api::init_producer_id::InitProducerIdRequest;
use naru_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use crate::{Cluster, KafkaError, Partition};

/// The last version that names topics.
const VERSION_MAX: i16 = 12;

/// When a batch counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// As soon as it is sent.
    None = 0,
    /// When the leader has it.
    Leader = 1,
    /// When all replicas that are in sync have it.
    All = -1,
}

/// A producer's id, as the broker gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerId {
    pub id: i64,
    pub epoch: i16,
}

impl Cluster {
    /// An id for an idempotent producer.
    ///
    /// # Errors
    /// When no broker gives one.
    pub fn init_producer_id(&mut self) -> Result<ProducerId, KafkaError> {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: i32::MAX,
            ..Default::default()
        };
        self.until_it_passes(|cluster| {
            let given = cluster.call(&request)?;
            KafkaError::check(given.error_code, || "InitProducerId".into(), None)?;
            Ok(ProducerId {
                id: given.producer_id,
                epoch: given.producer_epoch,
            })
        })
    }

    /// Has one batch appended by its partition's leader; gives the offset of the first record, or
    /// `None` where nobody answers ([`Acks::None`]).
    ///
    /// # Errors
    /// When the leader refuses the batch, or cannot be asked.
    pub fn produce(
        &mut self,
        leader: i32,
        partition: &Partition,
        batch: Bytes,
        acks: Acks,
    ) -> Result<Option<i64>, KafkaError> {
        let (topic, index) = partition;
        let held = self.settings().request_time_max;
        let request = ProduceRequest {
            acks: acks as i16,
            timeout_ms: i32::try_from(held.as_millis()).unwrap_or(i32::MAX),
            topic_data: vec![TopicProduceData {
                name: topic.clone(),
                partition_data: vec![PartitionProduceData {
                    index: *index,
                    records: Some(batch),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        if acks == Acks::None {
            self.node(leader)?.send_unanswered(&request, VERSION_MAX)?;
            return Ok(None);
        }
        let response = self.call_node_within(leader, &request, VERSION_MAX, held)?;
        let answers = response.responses.iter();
        let mut answers = answers.flat_map(|topic| &topic.partition_responses);
        let Some(answer) = answers.next() else {
            return Ok(None);
        };
        // The message of a refused record says more than that of the batch.
        let of_record = answer.record_errors.first();
        let of_record = of_record.and_then(|error| error.batch_index_error_message.as_ref());
        let message = of_record.or(answer.error_message.as_ref());
        KafkaError::check(
            answer.error_code,
            || format!("produce to {topic}-{index}"),
            message,
        )?;
        Ok(Some(answer.base_offset))
    }
}
