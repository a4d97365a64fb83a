//! What this machine could do, and how near a run came to it.
//!
//! A figure of a broker says little without the limit that binds it: the disk's flushed writes,
//! loopback, memory, the checksum. Each is measured alone, in the cheapest way there is, so that no
//! broker can be better and do the same work.
//!
//! Deliberately absent: limits of other machines and of networks. A broker elsewhere has no bounds
//! here.

mod binding;
mod cache;
mod command;
mod error;
mod model;
mod probe;
mod table;

pub use binding::{Bound, binding};
pub use command::{Args, execute};
pub use error::LimitsError;
pub use model::{Checksum, DiskWrites, Limits, Stream, Turn, measure};
