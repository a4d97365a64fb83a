//! How far groups are behind, and what comes of it: in records and in time, at which rates
//! records come and go, when a group has caught up or that it never will, how many consumers
//! would keep up, and when retention deletes what was not read yet. `docs/LAG.md` says what the
//! figures mean to those who run the broker.
//!
//! - [`Rates`] is what the owners keep beside a partition and beside a committed offset: sampled
//!   every [`SAMPLE_EVERY`], at a cost that does not depend on traffic.
//! - [`model`] is pure: what was observed goes in, a [`GroupLag`] comes out.
//!
//! `shard/lag.rs` samples, and gathers what the model is given. Nothing here is looked at on the
//! way of a request, and nothing is kept that can be asked for.

pub mod model;
mod rates;
mod tables;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use rates::Rates;
pub use tables::{GroupLag, PartitionLag, Windows};

/// How often end offsets and commits are sampled. Consumers commit every five seconds by default
/// (`auto.commit.interval.ms`): more often would see the same commit twice, much less often would
/// tell little of the last minute.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(5);
