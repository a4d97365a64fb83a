//! `naru-bench gate`: whether a head is slower than its base, decided so that a noisy machine
//! cannot flip the answer.
//!
//! Instructions come first, since they hardly know noise: those of the hot functions, and those of
//! whole brokers for each record. Then base and head run the same short workloads by turns, round
//! after round on fresh brokers, until the ratios are known well enough, will not become so, or the
//! rounds or the time are used up.

mod baseline;
mod broker_count;
mod command;
mod decision;
mod instructions;
mod nested;
mod subject;
mod table;
mod text;

pub use command::{Args, GateError, execute};
