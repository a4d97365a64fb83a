//! `naru-bench gate`: whether a head is slower than its base, decided so that a noisy machine
//! cannot flip the answer.
//!
//! Base and head run the same short workloads in turn, each run on a fresh broker, until the ratios
//! are known well enough or the rounds are used up; instruction counts of the hot functions, which
//! hardly know noise, are compared beside it.

mod baseline;
mod command;
mod decision;
mod instructions;
mod rounds;
mod subject;
mod text;

pub use command::{Args, GateError, execute};
