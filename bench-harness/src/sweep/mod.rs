//! `naru-bench sweep`: every combination of the axes' values, several rounds of it, as a report.
//!
//! Each round runs every cell once, in an order of its own, so that a drift of the machine does not
//! look like an effect. A finished run is on disk before the next one begins; a sweep that was
//! stopped goes on there.
//!
//! Deliberately absent: verdicts. A sweep shows medians and what lay around them; whether two
//! brokers differ is `compare`'s.

mod axis;
mod command;
mod drive;
mod error;
mod export;
mod html;
mod layout;
mod plan;
mod setting;
mod store;
mod summary;

pub use command::{Args, execute};
pub use error::SweepError;
pub use plan::{Cell, Plan};
