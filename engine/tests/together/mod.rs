//! Everything that befalls a log, together: see `everything_together.rs`.
#![allow(clippy::unwrap_used)]

mod cleaner;
mod clients;
mod dice;
pub mod mix;
mod model;
mod owner;
mod stage;
pub mod story;
