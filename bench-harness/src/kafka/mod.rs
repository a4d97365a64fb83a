//! A small client of Kafka's protocol: connections with pipelined requests, the cluster's metadata,
//! administration.
//!
//! It does what a load generator needs and no more: nothing is retried behind the caller's back, no
//! record is copied that need not be.

mod admin;
mod cluster;
mod connection;
mod frames;
mod group;
mod ring;

pub use admin::Admin;
pub use cluster::Cluster;
pub use connection::{Answer, Connection};
pub use group::Member;
pub use naru_client::{KafkaError, Position, Topic, address_of};
pub(crate) use ring::new_runtime;
