//! The log of a partition: record batches in, record batches out.
//!
//! Knows no request and no client. See `docs/ARCHITECTURE.md` for the rooms and
//! `docs/FORMAT.md` for every byte on disk.

pub mod compaction;
mod envelope;
pub mod index;

pub mod log;
pub mod recovery;
pub mod segment;
pub mod verify;

/// What the log is built on, under the name that its users know it by.
pub use naru_runtime as io;
