//! Brokers that a command measures beside each other: in turn, round by round, and the figures of
//! all of them in one table.

mod args;
mod coordinator;
mod report;
mod watch;

pub use args::SidesArgs;
pub use coordinator::{Coordinates, find_coordinator};
pub use report::{Measured, Sample, SidesError, figure};
pub use watch::{Watch, Window, wait};
