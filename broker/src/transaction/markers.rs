//! The markers that end a transaction in its partitions.

use std::collections::BTreeSet;

use super::coordinator::{Coordinator, Effect};
use super::{Now, ProducerIdAndEpoch, TopicPartition, TransactionState, TransactionVersion};

/// Markers of one transaction. They are the same in all its partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markers {
    pub transactional_id: String,
    /// By version 2 the epoch is above the one of the data.
    pub producer: ProducerIdAndEpoch,
    pub commits: bool,
    pub version: TransactionVersion,
    pub partitions: BTreeSet<TopicPartition>,
}

impl<R> Coordinator<R> {
    /// An id is in Prepare*: has its markers written, or completes it if there are none.
    pub(super) fn write_markers(&mut self, now: Now, id: &str) {
        let Some(entry) = self.ids.get(id) else {
            unreachable!("{id} has no markers");
        };
        let metadata = &entry.metadata;
        assert!(
            metadata.state.is_prepared(),
            "{id} is {:?}, nothing is decided",
            metadata.state
        );
        if metadata.partitions.is_empty() {
            let next = metadata.completed(now.wall_ms);
            return self.transition(id, next, None);
        }
        self.effects.push(Effect::Write(Markers {
            transactional_id: id.to_owned(),
            producer: metadata.identity(),
            commits: metadata.state == TransactionState::PrepareCommit,
            version: metadata.version,
            partitions: metadata.partitions.clone(),
        }));
    }

    /// A partition has its marker, or is deleted. The last one completes the transaction.
    pub fn marker_written(
        &mut self,
        now: Now,
        id: &str,
        partition: &TopicPartition,
    ) -> Vec<Effect<R>> {
        let Some(entry) = self.ids.get_mut(id) else {
            unreachable!("{id} was forgotten while its markers were written");
        };
        assert!(
            entry.metadata.state.is_prepared() && entry.metadata.partitions.remove(partition),
            "{id} has no marker to be written to {}-{}",
            partition.topic,
            partition.index
        );
        if entry.metadata.partitions.is_empty() {
            self.write_markers(now, id);
        }
        self.take_effects()
    }
}
