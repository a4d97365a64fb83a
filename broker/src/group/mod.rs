//! The group coordinator: the classic protocol (KIP-62, KIP-345, KIP-394, KIP-814) here, the
//! consumer protocol (KIP-848) in [`consumer`], offsets for both. Pure logic, without I/O, clock or
//! randomness of its own.
//!
//! Events go in (requests, the time, the outcome of an append), [`Effect`]s come out. What
//! must be durable before it is answered is an [`Effect::Append`]; the answer follows when
//! [`Coordinator::appended`] says how it went. A restart is a [`Coordinator::replay`] of
//! what was appended, in Kafka's record formats ([`records`]).
//!
//! One `Coordinator` serves the groups of one partition of `__consumer_offsets`.

mod clock;
mod consumer;
mod consumer_protocol;
mod coordinator;
mod deadlines;
mod describe;
mod error;
mod expiry;
mod join;
mod leave;
mod load;
mod member;
mod messages;
mod offsets;
mod rebalance;
pub mod records;
mod state;
mod sync;
#[cfg(test)]
mod tests;

pub use clock::Now;
pub use consumer::{
    ConsumerConfig, ConsumerDescription, ConsumerHeartbeat, ConsumerHeartbeatResponse,
    ConsumerMemberDescription, MigrationPolicy, NoTopics, TopicInfo, TopicPattern, Topics,
};
pub use coordinator::{Coordinator, Effect, GroupConfig, partition_for};
pub use error::GroupError;
pub use messages::{
    CommitRequest, CommittedOffset, Description, FetchedOffset, HeartbeatRequest, JoinRequest,
    JoinResponse, LeaveRequest, Leaving, Listed, OffsetToCommit, PartitionsOfTopic, SyncRequest,
    SyncResponse, TxnCommitRequest,
};
pub use offsets::{OffsetProgress, Producer, TransactionOutcome};
pub use records::consumer::Partitions;
