//! A shard: one core's thread with its ring, its connections, its partitions and its
//! group coordinators, and the queues to the other shards.

mod ask;
mod cleaner;
mod coordinators;
pub mod directories;
mod lag;
mod markers;
mod mesh;
mod recover;
mod removal;
mod run;
mod state;
#[cfg(test)]
mod tests;
mod topics;
mod transactions;
mod upkeep;

pub use ask::on_every_shard;
pub use mesh::{Call, Lanes, Mesh, Meshed, RemoteShard};
pub use run::{Parts, build};
pub use state::Shard;
