//! `naru log`: directories and sizes, offsets by time, and what is in the segments of a stopped
//! broker.

mod command;
mod dirs;
mod dump;
mod offsets;
mod segment;
mod sizes;

pub use command::{LogCommand, run};
