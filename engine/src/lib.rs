//! The log of a partition: record batches in, record batches out.
//!
//! Knows no request and no socket protocol. See `docs/ARCHITECTURE.md`.

pub mod io;
