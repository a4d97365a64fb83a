//! AddPartitionsToTxn: partitions become part of a transaction, or are looked for in it.

use std::collections::BTreeSet;

use super::coordinator::Coordinator;
use super::metadata::Metadata;
use super::{
    Effect, Now, ProducerIdAndEpoch, TopicPartition, TransactionError, TransactionState,
    TransactionVersion,
};

#[derive(Clone, Debug)]
pub struct AddPartitions {
    pub transactional_id: String,
    pub producer: ProducerIdAndEpoch,
    pub partitions: BTreeSet<TopicPartition>,
    pub version: TransactionVersion,
}

impl<R> Coordinator<R> {
    pub fn add_partitions(&mut self, now: Now, request: AddPartitions, reply: R) -> Vec<Effect<R>> {
        let id = &request.transactional_id;
        match self.with_partitions(now, &request) {
            Ok(Some(next)) => self.transition(id, next, Some((reply, Ok(request.producer)))),
            Ok(None) => self.answer(reply, Ok(request.producer)),
            Err(error) => self.answer(reply, Err(error)),
        }
        self.take_effects()
    }

    /// What the id becomes; `None` if it has all the partitions.
    fn with_partitions(
        &self,
        now: Now,
        request: &AddPartitions,
    ) -> Result<Option<Metadata>, TransactionError> {
        if request.transactional_id.is_empty() {
            return Err(TransactionError::InvalidRequest);
        }
        let entry = self.ids.get(&request.transactional_id);
        let entry = entry.ok_or(TransactionError::InvalidProducerIdMapping)?;
        // Before the producer is looked at: it may have been told the next id and epoch while the
        // markers of its last transaction are still being written (KAFKA-18660).
        entry.check_settled()?;
        let metadata = &entry.metadata;
        check_producer(metadata, request.producer)?;
        let is_open = metadata.state == TransactionState::Ongoing;
        if is_open && request.partitions.is_subset(&metadata.partitions) {
            return Ok(None);
        }
        let (partitions, version) = (&request.partitions, request.version);
        Ok(Some(metadata.with_partitions(
            partitions,
            version,
            now.wall_ms,
        )))
    }

    /// Whether each of the partitions is in the open transaction. A transition that is under way
    /// is not waited for: the append that follows is judged again (KIP-890).
    pub fn verify_partitions(
        &self,
        id: &str,
        producer: ProducerIdAndEpoch,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Result<(), TransactionError>>, TransactionError> {
        if id.is_empty() {
            return Err(TransactionError::InvalidRequest);
        }
        let entry = self.ids.get(id);
        let entry = entry.ok_or(TransactionError::InvalidProducerIdMapping)?;
        let metadata = &entry.metadata;
        check_producer(metadata, producer)?;
        if metadata.state.is_prepared() {
            return Err(TransactionError::ConcurrentTransactions);
        }
        let verdict = |partition: &TopicPartition| {
            if metadata.partitions.contains(partition) {
                Ok(())
            } else {
                Err(TransactionError::TransactionAbortable)
            }
        };
        Ok(partitions.iter().map(verdict).collect())
    }
}

pub(super) fn check_producer(
    metadata: &Metadata,
    producer: ProducerIdAndEpoch,
) -> Result<(), TransactionError> {
    if producer.producer_id != metadata.producer_id {
        return Err(TransactionError::InvalidProducerIdMapping);
    }
    if producer.producer_epoch != metadata.producer_epoch {
        return Err(TransactionError::ProducerFenced);
    }
    Ok(())
}
