//! Transactions, opened and ended as fast as a broker lets them, or on a schedule; and whether a
//! reader of committed records gets what was committed, and nothing else.
//!
//! The flow is that of `transaction.version` 2 (KIP-890): no AddPartitionsToTxn, and an epoch for
//! each transaction.

mod command;
mod load;
mod producer;
mod read;

pub use command::{Args, execute};
