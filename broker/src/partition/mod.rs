//! What a shard owns of a topic: a partition's log, the state of its producers, its high
//! watermark and the fetches that wait for it.

mod fetch_sessions;
mod leader;
mod placement;
mod producers;
mod table;
mod waits;

pub use fetch_sessions::{FetchPlan, FetchSessions, FetchTarget, SessionRequest, Told};
pub use leader::{AppendError, Appended, CheckedBatch, Partition};
pub use placement::{ShardId, owner};
pub use producers::{Producers, SequenceError, Verdict};
pub use table::{PartitionId, Partitions, Slot};
pub use waits::{RemoteWaits, WaitId};
