//! What interleaved rounds of two brokers say: a ratio, how sure it is, and a verdict. Free of
//! assumptions about the noise but one: that it is as likely to favour one side as the other within
//! a pair of neighbouring runs.

mod paired;
mod verdict;

#[cfg(test)]
pub use paired::rounds_needed;
pub use paired::{Interval, Ratio, median};
pub use verdict::{Verdict, judge};
