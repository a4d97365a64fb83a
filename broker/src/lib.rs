//! The server. `docs/ARCHITECTURE.md` has the rooms and who may import whom.
//!
//! Only the command line, the configuration, the log and the server are seen from outside, so that
//! the compiler finds code that nobody calls.

mod admin;
pub mod cli;
mod cluster;
pub mod config;
mod coordinator;
mod group;
mod handlers;
mod lag;
pub mod logging;
mod memory;
mod metrics;
mod net;
mod partition;
mod record_codec;
pub mod server;
mod shard;
mod transaction;
mod validators;

/// What fuzz targets and benches call from outside of their room. No promise to anybody else.
#[doc(hidden)]
pub mod inside {
    pub use crate::cluster::{
        BrokerListener, BrokerRegistration, ClusterState, Command, Partition, decode_commands,
        encode_commands,
    };
    pub use crate::group::records::consumer::ConsumerRecord;
    pub use crate::group::records::{
        GroupValue, Key, MemberValue, decode_offset_value, encode_offset_value,
    };
    pub use crate::group::{
        CommitRequest, CommittedOffset, ConsumerConfig, Coordinator, Effect, GroupConfig, Now,
        OffsetToCommit, TransactionOutcome,
    };
    pub use crate::partition::ShardId;
    pub use crate::shard::{Lanes, Mesh, Meshed, RemoteShard};
    pub use crate::transaction::{
        Coordinator as TransactionCoordinator, ListFilter, Now as TransactionNow, TransactionConfig,
    };
}
