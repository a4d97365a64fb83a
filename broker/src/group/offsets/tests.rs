//! Stories of committed and pending offsets, and the coordinator held against a naive model.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod model;
mod stories;
mod world;
