//! The log of one partition while it is open.
//!
//! The way of a batch: `append` copies it into the tail's chunk with its offset (never
//! waits); the writer puts what has gathered on the disk, one write at a time; the flusher
//! makes durable what was written, when somebody asks. Reads come from the chunks or, for
//! older data, from the disk in large pieces.
//!
//! Invariants:
//! - start ≤ flushed ≤ written ≤ end, as offsets and as positions.
//! - A buffer that is being written is not changed: whole blocks of a chunk never change
//!   again, and the last, partial one is written from a copy.
//! - A segment is sealed (written, flushed, cut to its size) before the next one's file is
//!   made, so that a later segment proves the earlier ones whole.
//! - After a failed write the log is closed for good; after a failed flush the whole
//!   directory is ([`Fence`]). No acknowledgement comes from either again. A full disk is
//!   no failure: it refuses appends until there is room.
//! - No `RefCell` borrow lives across an await.

mod aborted;
mod append;
mod budget;
mod checkpoint;
mod clean;
mod commit;
mod config;
mod error;
mod extents;
mod flush;
mod handle;
mod lease;
mod lru;
mod place;
mod read;
mod readable;
mod retention;
mod roll;
mod room;
mod sealed;
mod shelf;
mod snapshot;
mod state;
mod tail;
mod time;
mod truncate;
mod unread;
mod wait;
mod waiters;
mod window;

pub use crate::index::AbortedTransaction;
pub use append::{Appended, Stamp};
pub use budget::TailBudget;
pub use clean::{Cleaning, Replaced};
pub use config::{LogConfig, Shared};
pub use error::{Fence, LogError, ReadError};
pub use handle::Log;
pub use read::ReadBatches;
pub use readable::LogOffsetMetadata;
pub use unread::SegmentFacts;
pub use wait::{Progress, TailReader};
