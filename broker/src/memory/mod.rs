//! The memory budget (`naru.memory`): who may hold how much of it, over all shards.
//!
//! - [`Shares`]: what each use gets of the whole.
//! - [`Pot`]: one share; whoever finds it spent waits in the order of asking.
//! - [`MemoryBudget`]: the shares of requests, answers and checks, by what they are for.
//!
//! Memory is reserved before it is taken, and given back when it is really free: a receive
//! buffer holds its [`Reservation`] until the last slice of it is gone.

mod budget;
mod pot;
mod shares;

pub use budget::{LARGE_FRAME_BYTES_MIN, MemoryBudget, Shortage};
pub use pot::{Pot, Reservation};
pub use shares::Shares;
