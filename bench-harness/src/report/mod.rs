//! Results as something to show: one HTML page that needs nothing besides itself, and tables as
//! CSV.
//!
//! Knows nothing of brokers or runs; `sweep` and others say what is on the page.

mod csv;
mod number;
mod page;
mod plot;
mod scale;
mod svg;
#[cfg(test)]
pub(crate) mod tests;

pub use csv::csv;
pub use number::significant;
pub use page::{Cell, Page};
pub use plot::{Axis, Plot, Scale, Series};
