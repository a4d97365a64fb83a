//! Transactions under everything that ends a server, with the history of what clients asked and
//! were answered, and a checker that reads the history beside the logs.
//!
//! Processors consume, transform and produce exactly once, each id in two clients at a time that
//! fence each other; writers leave transactions open, abort them, or walk away until they time
//! out. Both flows take turns under one id. Observers read through it all.
//!
//! - A commit that was answered is seen, in all its partitions; an abort never is; one whose
//!   answer never came is seen wholly or not at all.
//! - Nothing is seen before its commit was asked for, twice, or in another order than it was sent.
//! - The last stable offset never goes back, nor above the high watermark, nor below the log's
//!   start, and reaches the end when all is over: no transaction hangs.
//! - The offsets that a group has committed with its transactions are those of what was produced.
//! - Whoever is fenced writes nothing afterwards.

mod batches;
mod clients;
mod every_operation;
mod history;
mod logs;
mod observer;
mod producer;
mod scene;

pub use every_operation::told;
pub use scene::run;
