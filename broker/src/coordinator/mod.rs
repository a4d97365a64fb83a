//! The coordinators of a shard. Those of groups are here: the pure logic of `group`, driven by
//! requests, by time and by the partitions of `__consumer_offsets` that the shard owns. Those of
//! transactional ids are in `transactions`.

mod drive;
mod load;
mod read_back;
mod reply;
mod seats;
mod slots;
#[cfg(test)]
mod tests;
pub mod transactions;

pub use crate::group::{TopicInfo, Topics};
pub use load::group_config;
pub use reply::Reply;
pub use slots::{Coordinators, Slot};

/// Where groups keep their offsets and their state.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
