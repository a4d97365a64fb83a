//! What ListTransactions and DescribeTransactions tell (KIP-664, KIP-994).

use super::coordinator::Coordinator;
use super::{Now, ProducerIdAndEpoch, TopicPartition, TransactionError, TransactionState};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub transactional_id: String,
    pub producer_id: i64,
    pub state: TransactionState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub producer: ProducerIdAndEpoch,
    pub state: TransactionState,
    pub timeout_ms: i32,
    pub start_ms: i64,
    /// Those that have no marker yet.
    pub partitions: Vec<TopicPartition>,
}

/// What is listed; empty lists let everything through.
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    pub states: Vec<String>,
    pub producer_ids: Vec<i64>,
    /// Only what has been open for longer, if it is not negative.
    pub duration_ms: i64,
}

impl<R> Coordinator<R> {
    pub fn list(&self, now: Now, filter: &ListFilter) -> Vec<Listed> {
        let ids = self.ids.iter().filter(|(_, entry)| {
            let metadata = &entry.metadata;
            let open_for_ms = now.wall_ms.saturating_sub(metadata.start_ms);
            let states = &filter.states;
            (states.is_empty() || states.iter().any(|name| name == metadata.state.name()))
                && (filter.producer_ids.is_empty()
                    || filter.producer_ids.contains(&metadata.producer_id))
                && (filter.duration_ms < 0 || open_for_ms > filter.duration_ms)
        });
        ids.map(|(id, entry)| Listed {
            transactional_id: id.clone(),
            producer_id: entry.metadata.producer_id,
            state: entry.metadata.state,
        })
        .collect()
    }

    pub fn describe(&self, id: &str) -> Result<Description, TransactionError> {
        if id.is_empty() {
            return Err(TransactionError::InvalidRequest);
        }
        let entry = self.ids.get(id);
        let entry = entry.ok_or(TransactionError::TransactionalIdNotFound)?;
        let metadata = &entry.metadata;
        Ok(Description {
            producer: metadata.identity(),
            state: metadata.state,
            timeout_ms: metadata.timeout_ms,
            start_ms: metadata.start_ms,
            partitions: metadata.partitions.iter().cloned().collect(),
        })
    }
}
