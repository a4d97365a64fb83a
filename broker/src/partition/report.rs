//! What a partition tells of itself to those who run the broker.

use super::{Partition, PartitionId, Standing};

/// A partition at one moment; plain data, for other threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionReport {
    pub id: PartitionId,
    pub standing: Standing,
    pub start_offset: i64,
    /// All below it is committed.
    pub high_watermark: i64,
    /// All below it belongs to no open transaction.
    pub last_stable_offset: i64,
    /// All below it survives a power cut.
    pub flushed_offset: i64,
    /// All below it survives the death of the process.
    pub written_offset: i64,
    /// The offset of the next record.
    pub end_offset: i64,
    pub segments: usize,
    pub size_bytes: u64,
    /// What recovery would read if the process died now.
    pub recovery_debt_bytes: u64,
}

impl Partition {
    pub fn report(&self) -> PartitionReport {
        let segments = self.log.segments();
        PartitionReport {
            id: self.id,
            standing: self.standing(),
            start_offset: self.start_offset(),
            high_watermark: self.committed(),
            last_stable_offset: self.last_stable_offset(),
            flushed_offset: self.log.flushed_offset(),
            written_offset: self.log.written_offset(),
            end_offset: self.log.end_offset(),
            segments: segments.len(),
            size_bytes: segments.iter().map(|(_, bytes)| bytes).sum(),
            recovery_debt_bytes: self.log.recovery_debt_bytes(),
        }
    }

    /// The segments of its log, oldest first, each as its first offset and its bytes.
    pub fn segments(&self) -> Vec<(i64, u64)> {
        self.log.segments()
    }
}
