//! `naru topic`: list, describe, create, add-partitions, delete-records, delete.

mod add_partitions;
mod command;
mod create;
mod delete;
mod delete_records;
mod describe;
mod list;
mod sizes;

pub use command::{TopicCommand, run};
pub(crate) use create::key_value;
