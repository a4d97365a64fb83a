//! What a shard counts while it serves, and how that is written for Prometheus.
//!
//! Invariants:
//! - A shard counts in plain cells of its own: no lock, no atomic, no allocation on the way of a
//!   request, but for the first error of a kind. Whoever wants the figures asks the shard for a
//!   copy ([`Counted`]), and adds the copies up.
//! - Every metric is in one table ([`families`]), with its name, type, labels and help; what is not
//!   in it cannot be written. `docs/METRICS.md` lists the same.

mod counted;
pub mod families;
mod requests;
mod text;

pub use counted::{Counted, ShardMetrics};
pub use requests::RequestTimer;
pub use text::{Format, Text};
