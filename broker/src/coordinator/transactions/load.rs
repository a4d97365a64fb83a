//! A coordinator from its partition's log: a restart is a replay.

use std::rc::Rc;

use naru_engine::log::{LogError, ReadError};
use naru_record_batch::{BatchHeader, HEADER_BYTES, Records};
use naru_runtime::Handle;

use super::TransactionSlot;
use crate::config::Transactions;
use crate::partition::{Isolation, Partition};
use crate::transaction::{Coordinator, TransactionConfig};

/// Bytes of the log that are read and replayed before the shard's other work has its turn.
const READ_BYTES: usize = 256 << 10;

#[derive(Debug, thiserror::Error)]
pub enum TransactionsLoadError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("there is no whole batch at offset {0}")]
    Damaged(i64),
}

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
    ) -> Result<Self, TransactionsLoadError> {
        let slot = Self::empty(config, Rc::clone(&partition));
        // What recovery found is committed before it is read, or the end of it would be missed.
        partition.latest(Isolation::ReadUncommitted).await?;
        let mut offset = partition.start_offset();
        while offset < partition.committed() {
            let everything = Isolation::ReadUncommitted;
            let read = partition.read(offset, READ_BYTES, true, everything);
            let bytes = match read.await {
                Ok(read) => read.records.concat(),
                Err(ReadError::OffsetOutOfRange { start, .. }) if offset < start => {
                    offset = start;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let before = offset;
            let mut rest = &bytes[..];
            while let Ok(header) = BatchHeader::parse(rest) {
                let Some((batch, after)) = rest.split_at_checked(header.size_bytes()) else {
                    break;
                };
                slot.replay(batch);
                offset = header.next_offset();
                rest = after;
            }
            if offset == before {
                return Err(TransactionsLoadError::Damaged(offset));
            }
            io.yield_now().await;
        }
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
