//! `naru transaction`: list, describe, find-hanging, abort.

mod abort;
mod command;
mod describe;
mod find_hanging;
mod list;
mod open;

pub use command::{TransactionCommand, run};
