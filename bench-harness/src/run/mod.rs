//! `naru-bench run`: one workload against one broker.

mod command;
mod text;

pub use command::{Args, RunError, execute};
pub use text::{describe, describe_bounds};
