//! Transactional ids and their transactions: a coordinator without I/O, clock and randomness.
//!
//! Events go in (a client's request, an append that is durable, a marker that is written, the
//! time), effects come out (answers, records to append, markers to write). `coordinator` drives
//! it. A [`Coordinator`] has the ids of one partition of `__transaction_state`, and that partition
//! is all its memory: a restart is a replay.
//!
//! Invariants:
//! - An id has at most one transition under way. What is asked meanwhile is answered
//!   [`TransactionError::ConcurrentTransactions`] before anything else is looked at
//!   (KAFKA-18660), and so is everything while markers are being written.
//! - A state is taken when its record is durable, and only then answered. The exception is
//!   Complete*: losing it only repeats markers.
//! - Whatever is in Prepare* goes on until all its markers are written (KAFKA-16352): markers are
//!   sent when it is entered and when it is loaded, and a failed Complete* is tried again.
//! - A producer is never told epoch 32767: it is kept for fencing, and an id with an exhausted
//!   epoch gets another producer id (KAFKA-18660, KAFKA-20090).
//!
//! The logic is that of Kafka 4.4 (KIP-98, KIP-360, KIP-588, KIP-664, KIP-890); two-phase commit
//! (KIP-939) is not served.

mod add;
mod admin;
mod coordinator;
mod end;
mod error;
mod init;
mod load;
mod markers;
mod metadata;
pub mod records;
mod settled;
mod state;
#[cfg(test)]
mod tests;
mod timeouts;
mod types;

pub use add::AddPartitions;
pub use admin::{Description, ListFilter, Listed};
pub use coordinator::{Coordinator, Effect, TransactionConfig};
pub use end::EndTransaction;
pub use error::TransactionError;
pub use init::InitProducer;
pub use markers::Markers;
pub use state::TransactionState;
pub use types::{Now, ProducerIdAndEpoch, TopicPartition, TransactionVersion};
