//! `naru-bench`: loads any broker that speaks Kafka's protocol and says, with its uncertainty, what
//! it saw.
//!
//! Knows the wire and nothing of the server's inside; the load runs on the engine's ring so that it
//! costs less than what it measures. Everything that is printed comes from an [`outcome::Outcome`].

mod brokers;
pub mod commits;
pub mod compare;
pub mod crowd;
pub mod gate;
pub mod interrupt;
pub mod kafka;
pub mod limits;
pub mod load;
pub mod measure;
pub mod outcome;
mod report;
pub mod run;
mod sides;
mod stats;
pub mod study;
pub mod sweep;
pub mod transactions;
pub mod which_limit;
pub mod workload;
