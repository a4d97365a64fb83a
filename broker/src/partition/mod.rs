//! What a shard owns of a topic: a partition's log, the state of its producers, its high
//! watermark and the fetches that wait for it.

mod append;
mod checkpoint;
mod cleaning;
mod delete_records;
mod epochs;
mod fetch_sessions;
mod high_watermark;
mod local;
mod placement;
mod producers;
mod read;
mod report;
mod role;
mod table;
mod unread;
mod waits;
mod watch;

#[cfg(test)]
mod tests;

pub use append::{AppendError, Appended, MarkerError};
pub use checkpoint::{CheckpointError, Checkpointed};
pub use delete_records::DeleteRecordsError;
pub use epochs::EpochEnd;
pub use fetch_sessions::{FetchPlan, FetchSessions, FetchTarget, SessionRequest, Told, Wants};
pub use high_watermark::HighWatermark;
pub use local::{AckError, Acks, Partition, PartitionState};
pub use naru_record_batch::TransactionResult;
pub use placement::{ShardId, owner};
pub use producers::{
    ActiveProducer, Marker, MarkerRefusal, ProducerError, Producers, SnapshotError, Verdict,
    Verification, VerificationGuard, VerificationRequest,
};
pub use read::Isolation;
pub use report::PartitionReport;
pub use role::{Denial, NO_EPOCH, Role, Standing};
pub use table::{PartitionId, Partitions, Slot};
pub use unread::Unread;
pub use waits::{RemoteWaits, Reports};
pub use watch::{Readable, Watch, Watcher};
