//! `naru group`: list, describe, reset-offsets, delete-offsets, delete; of both protocols.

mod command;
mod delete;
mod delete_offsets;
mod describe;
mod list;
mod reset_offsets;
mod topic_choice;

pub use command::{GroupCommand, run};
