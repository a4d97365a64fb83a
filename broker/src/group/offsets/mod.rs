//! What groups have committed: by plain commits, and within transactions that are still open
//! (KIP-98, KIP-447).
//!
//! Invariants:
//! - Of two commits of a group for a partition, the one whose record is later in the log counts,
//!   whichever is acknowledged, or committed by its transaction, first: otherwise what compaction
//!   leaves would not say the same as the log did.
//! - A replay of the log, with whatever compaction took out of it, gives the state that was served.
//! - An offset of an open transaction keeps its group, and does not expire; a tombstone takes it
//!   away with what was committed.

mod commit;
mod delete;
mod expire;
mod fetch;
mod progress;
mod store;
#[cfg(test)]
mod tests;
mod transactional;

pub(super) use commit::Committing;
pub(super) use fetch::StableFetch;
pub use progress::OffsetProgress;
pub(super) use store::{Offsets, StoredOffset};
pub(super) use transactional::OpenTransactions;
pub use transactional::{Producer, TransactionOutcome};
