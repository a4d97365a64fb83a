//! The group coordinators of a shard: the pure logic of `group`, driven by requests, by
//! time and by the partitions of `__consumer_offsets` that the shard owns.

mod drive;
mod load;
mod reply;
mod slots;

pub use reply::Reply;
pub use slots::{Coordinators, Slot};

/// Where groups keep their offsets and their state.
pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
