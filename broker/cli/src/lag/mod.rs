//! `naru lag`: how far groups are behind, in records and in time.

mod command;
mod measure;

pub use command::{LagArgs, run, shown};
pub use measure::{PartitionLag, measure};
