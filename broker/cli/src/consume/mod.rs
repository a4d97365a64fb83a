//! `naru consume`: records of topics to stdout, as a reader by itself or as a member of a group.

mod command;
mod format;
mod format_json;
mod reader;
mod run;
mod start;

pub use command::ConsumeArgs;
pub use run::run;
pub use start::{Start, start_offsets};
