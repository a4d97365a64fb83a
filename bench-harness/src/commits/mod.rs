//! Commits of offsets beside few groups and beside many: what one costs must not grow with the
//! others.

mod command;
mod load;

pub use command::{Args, execute};
