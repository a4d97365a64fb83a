//! The cluster's metadata: brokers, topics, partitions, configs, blocks of producer ids.
//!
//! It is a state built by an ordered log of commands. [`Command`]s go in, [`ClusterState::apply`]
//! is the only thing that changes the state, [`ClusterImage`]s come out for the shards to read.
//! The log is behind the seam [`CommandLog`]: one node is a quorum of one ([`SingleNode`]), a
//! Raft library takes over when there are more. [`Control`] brings the proposals of the shards to
//! it, and the answers back.
//!
//! Invariants:
//! - `apply` is deterministic: no clock, no randomness, no I/O. What is random (topic ids, the
//!   cluster id) or timed is decided by the proposer and is in the command.
//! - A command is answered after it is on the device and after every shard of this node has taken
//!   its image, so that whoever hears "created" finds the topic.
//! - The control thread waits for no disk and for no shard: files are reached through the `Disk`
//!   seam, and a slow shard holds up answers only.
//! - A failed write or flush is final: the log is fenced, and every later command is refused. But
//!   what finds no room is taken back, refused, and may be asked for again.
//! - What is stored has types of its own (`stored`), so that a live type can change.
//!
//! What is on the disk, under `<log.dir>/__cluster_metadata/`; integers are little-endian, CRCs
//! are CRC-32 (IEEE):
//!
//! ```text
//! lock                   empty; locked (flock) while a broker uses the directory
//! log-<first entry>      entries from that index on; 20 decimal digits
//! snapshot-<entry>       the state after that entry; 20 decimal digits
//! *.tmp                  a file being written; removed at start
//!
//! log file   = header, frame*
//! header     = magic "NARUMETA" [8] | version u32 = 2 | zero u32 | first entry's index u64
//!            | crc u32 over the 24 bytes before | zero u32                        (32 bytes)
//! frame      = length u32 of the payload | crc u32 over the rest of the frame
//!            | kind u16 of the entry | zero u16 | zero u32 | term u64 | index u64 of the entry
//!            | payload                                                      (32 + length)
//! kinds      = 4 commands; 1 vote, 2 blank, 3 membership and 5 truncation are kept for a
//!              quorum of several nodes
//! commands   = index u64 of the first command | record*        (records: see `stored`)
//!
//! snapshot   = magic "NARUSNAP" [8] | version u32 = 2 | zero u32 | index u64 of the last entry
//!            | length u64 | crc u32 over the 32 bytes before and the payload | zero u32
//!            | payload: record*                                             (40 + length)
//! ```
//!
//! An entry is what one flush made durable. Entries have indices, commands have their own: an
//! entry holds several commands, or, in a quorum of several nodes, none. What the state counts
//! (`changed_at`, broker epochs, [`ClusterImage::index`]) are commands.
//!
//! Only the last frame of the last file can be torn: it is cut. A bad frame with a good one after
//! it, or in a file that is not the last, is corruption, and the broker does not start.
//!
//! Version 1 of both files had rkyv archives of the live types as payload, no entries, and frames
//! with a header of 16 bytes (length, crc, index of the first command). It is read; the first
//! start then writes a snapshot and begins a log of version 2.

mod changes;
mod command;
mod command_log;
mod control;
mod error;
mod features;
mod files;
mod frame;
mod ids;
mod image;
mod images;
mod lock;
mod log;
mod names;
mod replay;
mod resource;
mod single_node;
mod snapshot;
mod state;
mod stored;
#[cfg(test)]
mod tests;
mod thread;

pub use command::{BrokerListener, BrokerRegistration, Command, ConfigChange, Partition};
#[cfg(test)]
pub use command_log::CommandLog;
pub use command_log::QUORUM_TERM;
pub use control::{Control, ControlHandle, Stop};
pub use error::{ClusterError, StorageError};
pub use features::{
    FeatureLevel, FinalizedFeatures, GROUP_VERSION, SUPPORTED_FEATURES, TRANSACTION_VERSION,
    UpgradeType, check_update,
};
pub use ids::{from_kafka_text, kafka_text, random_cluster_id};
pub use image::{Broker, ClusterImage, Delta, Topic, TopicRef, is_internal_topic};
pub use images::ImageReader;
pub use lock::DirectoryLock;
#[cfg(test)]
pub use names::TOPIC_NAME_BYTES_MAX;
pub use names::check_topic_name;
pub use replay::inspect;
pub use resource::ConfigResource;
pub use single_node::SingleNode;
pub use state::{ClusterState, Outcome, PARTITIONS_PER_TOPIC_MAX, Refusal};
pub use stored::{decode_commands, encode_commands};
pub use thread::ControlThread;

/// The folder of this room's files inside the data directory.
pub const DIRECTORY: &str = "__cluster_metadata";
