//! `naru produce`: lines into records, and where they went.

mod command;
mod input;
mod partitioner;
mod producer;
mod run;

pub use command::ProduceArgs;
pub use run::run;
