//! The cluster's metadata: brokers, topics, partitions, configs, blocks of producer ids.
//!
//! It is a state built by an ordered log of commands. [`Command`]s go in, [`ClusterState::apply`]
//! is the only thing that changes the state, [`ClusterImage`]s come out for the shards to read.
//! One node is a quorum of one: [`SingleNode`] writes the log itself, behind the seam
//! ([`CommandLog`]) that a Raft library takes over when there are more.
//!
//! Invariants:
//! - `apply` is deterministic: no clock, no randomness, no I/O. What is random (topic ids, the
//!   cluster id) or timed is decided by the proposer and stands in the command.
//! - A command is answered after it is on the device and after its image was published, so that
//!   whoever hears "created" finds the topic.
//! - A failed write or flush is final: the log is fenced, and every later command is refused.
//!
//! What lies on the disk, under `<log.dir>/__cluster_metadata/`; integers are little-endian:
//!
//! ```text
//! lock                   empty; locked (flock) while a broker uses the directory
//! log-<first index>      commands from that index on; 20 decimal digits
//! snapshot-<index>       the state after that index; 20 decimal digits
//! *.tmp                  a file being written; removed at start
//!
//! log file   = header, frame*
//! header     = magic "NARUMETA" [8] | version u32 = 1 | zero u32 | first index u64
//!            | crc u32 over the 24 bytes before | zero u32                        (32 bytes)
//! frame      = length u32 of the payload | crc u32 | index u64 of its first command
//!            | payload: rkyv of a non-empty list of commands                (16 + length)
//!              the crc covers length, index and payload
//!
//! snapshot   = magic "NARUSNAP" [8] | version u32 = 1 | zero u32 | index u64 | length u64
//!            | crc u32 over the 32 bytes before and the payload | zero u32        (40 bytes)
//!            | payload: rkyv of the state
//! ```
//!
//! CRCs are CRC-32 (IEEE). A frame is what one flush made durable, so only the last frame of the
//! last file can be torn: it is cut. A bad frame with a good one behind it, or in a file that is
//! not the last, is corruption, and the broker does not start. rkyv's layout is checked
//! (bytecheck) before it is read; a change to it, other than a new kind of command at the end,
//! is a new version.

mod command;
mod control;
mod disk;
mod error;
mod ids;
mod image;
mod log;
mod names;
mod quorum;
mod snapshot;
mod state;
#[cfg(test)]
mod tests;

pub use command::{BrokerListener, BrokerRegistration, Command, ConfigChange, Partition};
pub use control::{Control, ControlHandle, PROPOSALS_MAX, Publish, Reply};
pub use error::{ClusterError, StorageError};
pub use ids::kafka_text;
pub use image::{Broker, ClusterImage, Topic, TopicRef};
pub use names::{TOPIC_NAME_BYTES_MAX, check_topic_name};
pub use quorum::{CommandLog, SingleNode};
pub use state::{
    CONFIG_BYTES_PER_TOPIC_MAX, ClusterState, Outcome, PARTITIONS_PER_TOPIC_MAX, Refusal,
};

/// The folder of this room's files inside the data directory.
pub const DIRECTORY: &str = "__cluster_metadata";
