//! The transactional ids of a partition, from its log.

use std::rc::Rc;

use naru_record_batch::{HEADER_BYTES, Records};
use naru_runtime::Handle;

use super::TransactionSlot;
use crate::config::Transactions;
use crate::coordinator::read_back::{LoadError, read_back};
use crate::partition::Partition;
use crate::transaction::{Coordinator, TransactionConfig};

impl TransactionSlot {
    /// A coordinator for a partition that has no records yet.
    pub fn empty(config: &Transactions, partition: Rc<Partition>) -> Self {
        let config = TransactionConfig {
            timeout_ms_max: i32::try_from(config.timeout_ms_max).unwrap_or(i32::MAX),
            id_expiration_ms: i64::from(config.id_expiration_ms),
        };
        Self {
            transactions: Coordinator::new(config).into(),
            partition,
        }
    }

    /// A coordinator for what its partition holds. A record that cannot be understood is left
    /// out, with a line in the log; a log that cannot be read has no coordinator, or producers
    /// would get ids that are others'.
    pub async fn load(
        io: &Handle,
        config: &Transactions,
        partition: Rc<Partition>,
    ) -> Result<Self, LoadError> {
        let slot = Self::empty(config, Rc::clone(&partition));
        read_back(io, &partition, |_, batch| slot.replay(batch)).await?;
        Ok(slot)
    }

    fn replay(&self, batch: &[u8]) {
        // The batches are the coordinator's own, and not compressed.
        let records = batch.get(HEADER_BYTES..).unwrap_or_default();
        for record in Records::new(records) {
            let replayed = match &record {
                Ok(record) => self
                    .transactions
                    .borrow_mut()
                    .replay(record.key.unwrap_or_default(), record.value)
                    .map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = replayed {
                let partition = &self.partition;
                tracing::error!("{}-{}: {error}", partition.topic, partition.id.index);
            }
        }
    }
}
