//! The log of a partition: record batches in, record batches out.
//!
//! Knows no request and no client. See `docs/ARCHITECTURE.md` for the rooms and
//! `docs/FORMAT.md` for every byte on disk.

pub mod index;
pub mod io;
pub mod log;
pub mod recovery;
pub mod segment;
