//! The sparse index of a segment: where to start looking for an offset or a time; and which
//! transactions were aborted in it.
//!
//! An index is derived, never evidence: one that is missing or damaged is built again from
//! the segment.

mod aborted;
mod entries;
mod file;

pub(crate) use aborted::are_ordered;
pub use aborted::{
    ABORTED_ENTRIES_MAX, ABORTED_ENTRY_BYTES, AbortedTransaction, decode_aborted, encode_aborted,
};
pub use entries::{Index, IndexEntry};
pub use file::SegmentIndex;
