//! The commands of `naru` that talk to a cluster, Naru's or Kafka's: topics, groups, configs, lag,
//! logs, transactions, and records in and out.
//!
//! - [`ClientCommand`] has the words; [`run`] does what they say and gives the exit code: 0 done,
//!   1 failed, 2 asked for wrongly.
//! - Each folder is a command, each file in it one of its words: what it asks over the wire
//!   (`naru-client`), a report, and how people see it. A report is a structure that is printed as
//!   a table, or as it is with `--json`.
//! - An error says what was wanted, why it did not happen and what to do ([`advice`]).
//!
//! Knows no broker from inside: everything here works on Kafka, too.

mod advice;
mod args;
mod ask;
mod config;
mod consume;
mod failure;
mod group;
mod interrupt;
mod lag;
mod log;
mod nearest;
mod output;
mod produce;
mod run;
mod session;
mod table;
mod topic;
mod topic_configs;
mod transaction;
mod units;

pub use args::ClientCommand;
pub use run::run;
