//! `naru-bench compare`: two brokers in turn, on the same machine in the same minutes, and what the
//! ratio of their figures shows.

mod command;
mod rounds;
mod table;

pub use command::{Args, CompareError, execute};
pub use rounds::{Comparison, FigureComparison, Side};
