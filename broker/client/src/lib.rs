//! What a client of Kafka's protocol has to know, and a small one that blocks.
//!
//! - [`Versions`], [`KafkaError`], [`Topic`], [`Membership`] and [`read_records`] do no I/O: any
//!   client can use them, whatever its sockets are. The load generator's client, on a ring, does.
//! - [`Connection`], [`Cluster`] and [`Member`] are the blocking client: one request at a time over
//!   plain sockets, each with a deadline; what passes by itself is asked again until then.
//!
//! Deliberately absent: pipelining, background threads, caches that outlive a command.

mod address;
mod cluster;
mod connection;
mod consumer_protocol;
mod error;
mod fetch;
mod groups;
mod member;
mod membership;
mod offsets;
mod produce;
mod records;
mod topic;
mod versions;

pub use address::{address_of, addresses_of};
pub use cluster::{Cluster, CoordinatorKind, Settings};
pub use connection::Connection;
pub use consumer_protocol::read_assignment;
pub use error::{KafkaError, name};
pub use fetch::{FetchOptions, Fetched};
pub use groups::GroupDescription;
pub use member::Member;
pub use membership::Position;
pub use membership::{Membership, Next, OFFSET_COMMIT_VERSION_MAX, OFFSET_FETCH_VERSION_MAX};
pub use offsets::{Isolation, OffsetFound, OffsetSpec, Partition};
pub use produce::{Acks, ProducerId};
pub use records::{BatchError, Record, RecordsRead, read_records};
pub use topic::{Topic, topics_of};
pub use versions::Versions;
