//! `/metrics`: every shard is asked for what it has counted and then for the lag of groups, and
//! what they say is added up and written as text.
//!
//! One gathering is under way at a time; those who ask meanwhile get its result. So neither many
//! scrapers nor slow ones cost the shards more than one that asks as fast as they answer.

mod gather;
mod metrics;
mod process;
mod render;
mod shared;

pub use gather::Gathered;
pub use metrics::metrics;
pub use shared::Shared;
