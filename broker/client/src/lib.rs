//! What a client of Kafka's protocol has to know, and a small one that blocks.
//!
//! - [`Versions`], [`KafkaError`] and [`Topic`] do no I/O: any client can use them,
//!   whatever its sockets are. The load generator's client, on a ring, does.
//! - [`Connection`] and [`Cluster`] are the blocking client: one request at a time over plain
//!   sockets, each with a deadline; what passes by itself is asked again until then.
//!
//! Deliberately absent: pipelining, background threads, caches that outlive a command.

mod address;
mod cluster;
mod connection;
mod error;
mod offsets;
mod topic;
mod versions;

pub use address::{address_of, addresses_of};
pub use cluster::{Cluster, CoordinatorKind, Settings};
pub use connection::Connection;
pub use error::{KafkaError, name};
pub use offsets::{Isolation, OffsetFound, OffsetSpec, Partition};
pub use topic::{Topic, topics_of};
pub use versions::Versions;
