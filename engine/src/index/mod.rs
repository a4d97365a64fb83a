//! The sparse index of a segment: where to start looking for an offset or a time.
//!
//! An index is derived, never evidence: one that is missing or damaged is built again from
//! the segment.

mod entries;
mod file;

pub use entries::{Index, IndexEntry};
pub use file::SegmentIndex;
