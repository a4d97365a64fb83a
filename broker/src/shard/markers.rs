//! Markers of transactions, on the shard of the partition that they end a transaction in.

use std::rc::Rc;

use super::Shard;
use crate::coordinator::OFFSETS_TOPIC;
use crate::partition::{Acks, Appended, Marker, MarkerError, NO_EPOCH, Partition, PartitionId};

impl Shard {
    /// Writes a marker into a partition of this shard. It is appended when this returns, after
    /// the batches that came from the same sender before; the future resolves when it is
    /// committed: it survives a power cut, and consumers of committed records see what it
    /// decided.
    pub fn write_marker(
        self: &Rc<Self>,
        partition: PartitionId,
        marker: Marker,
    ) -> impl Future<Output = Result<(), MarkerError>> + use<> {
        let appended = self.append_marker(partition, &marker);
        let shard = Rc::clone(self);
        async move {
            let (partition, appended) = appended?;
            partition
                .acknowledged(appended.next_offset, Acks::All)
                .await?;
            shard.tell_groups(&partition, &marker, appended.base_offset);
            Ok(())
        }
    }

    /// Has the groups of a partition of `__consumer_offsets` count the offsets of a transaction, or
    /// forget them. While their log is read they are not there yet: the marker is read, too.
    fn tell_groups(&self, partition: &Rc<Partition>, marker: &Marker, offset: i64) {
        if *partition.topic != *OFFSETS_TOPIC {
            return;
        }
        if let Ok(slot) = self.coordinators.get(partition.id.index)
            && Rc::ptr_eq(&slot.partition, partition)
        {
            slot.transaction_completed(marker.producer_id, marker.result, offset);
        }
    }

    fn append_marker(
        &self,
        id: PartitionId,
        marker: &Marker,
    ) -> Result<(Rc<Partition>, Appended), MarkerError> {
        let partition = self.leader(id, NO_EPOCH).map_err(MarkerError::Denied)?;
        let appended = partition.append_marker(marker, self.now_ms())?;
        Ok((partition, appended))
    }
}
