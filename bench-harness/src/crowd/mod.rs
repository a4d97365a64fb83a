//! Thousands of partitions and connections at the same time: what they cost a broker while nothing
//! happens, and how soon it serves them again after it was killed.

mod caller;
mod command;
mod measure;
mod topics;

pub use command::{Args, execute};
