//! The server. `docs/ARCHITECTURE.md` has the rooms and who may import whom.

pub mod cluster;
pub mod config;
pub mod coordinator;
pub mod group;
pub mod handlers;
pub mod memory;
pub mod net;
pub mod partition;
pub mod server;
pub mod shard;
pub mod validators;
