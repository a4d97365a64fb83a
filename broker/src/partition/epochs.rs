//! Where a leader epoch ends (KIP-101, KIP-320): how followers, and consumers after a change of
//! leaders, find out from where on they have read something else.

use super::Partition;

/// An epoch, and the offset after its last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpochEnd {
    pub leader_epoch: i32,
    pub end_offset: i64,
}

impl Partition {
    /// The end of the newest epoch up to `leader_epoch`, as Kafka's LeaderEpochFileCache tells it:
    /// of the current one the log's end, though it may have no records; of those that are gone
    /// from the log, its start. `None` for epochs that have not come.
    pub fn end_of_epoch(&self, leader_epoch: i32) -> Option<EpochEnd> {
        let log = self.log();
        let current = self.standing().leader_epoch;
        if leader_epoch < 0 || leader_epoch > current {
            return None;
        }
        if leader_epoch == current {
            return Some(EpochEnd {
                leader_epoch,
                end_offset: log.end_offset(),
            });
        }
        // An epoch all of whose records are deleted has ended where the log begins.
        let start = log.start_offset();
        let known = log.epoch_end(leader_epoch);
        let known = known.filter(|&(_, end_offset)| end_offset > start);
        let (leader_epoch, end_offset) = known.unwrap_or((leader_epoch, start));
        Some(EpochEnd {
            leader_epoch,
            end_offset,
        })
    }
}
