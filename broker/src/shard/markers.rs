//! Markers of transactions, on the shard of the partition that they end a transaction in.

use std::rc::Rc;

use super::Shard;
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
        async move {
            let (partition, appended) = appended?;
            partition
                .acknowledged(appended.next_offset, Acks::All)
                .await?;
            Ok(())
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
