//! `naru-bench study`: what a setting costs, over a range of its values, as a report with advice
//! that can be pasted.

mod cell;
mod command;
mod knee;
mod page;

pub use cell::{Beside, Cell, CellError, measure};
pub use command::{Args, StudyError, execute};
pub use knee::{doubling, knee};
