//! Compaction: of each key, the newest record stays (`cleanup.policy=compact`).
//!
//! A cleaning has three parts, each of which may be given up at any point:
//! 1. [`plan`]: each sealed segment has a file of its keys' hashes and offsets, sorted
//!    ([`KeyFile`]); those that are missing are built. One merge over all of them says which
//!    offsets are superseded. Segments of which nothing is superseded are left alone.
//! 2. [`clean`]: the segments of one group are written again, into one, under a name of its
//!    own, and what was written is read back and held against the plan.
//! 3. [`crate::log::Log::replace`]: the new file takes the place of the old ones.
//!
//! Parts 1 and 2 are for the maintenance thread, and know the disk and nothing of the open
//! log; part 3 is the log's own.
//!
//! Invariants:
//! - What is planned is below the last stable offset: nothing of it is ever cut off, and
//!   every transaction in it has ended. So what is superseded stays superseded.
//! - To keep a record is always right. A tombstone goes only when its delete horizon has
//!   passed (KIP-534) and no other record of its key is in the log: no older value can come
//!   back, whatever a crash leaves undone.
//! - The last batch of a segment stays, if only as a header: a segment goes on to end where
//!   the next one begins, and one that is missing is missed (ADR 0024).
//! - Memory is bounded by what the caller allows, whatever the number of keys.

mod choice;
mod clean;
mod error;
mod filter;
mod key_build;
mod key_entry;
mod key_file;
mod key_merge;
mod key_sort;
mod output;
mod pace;
mod plan;
mod transactions;
mod walk;

pub use choice::{Choice, Lag, Limits};
pub use clean::{Cleaned, clean};
pub use error::CleanError;
pub use key_file::{KeyFacts, KeyFile};
pub use pace::{Pace, Unpaced};
pub use plan::{Group, Plan, Request, Segment, plan};
pub use transactions::LastOfProducer;
