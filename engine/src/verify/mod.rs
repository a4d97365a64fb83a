//! Looking a stopped partition's directory through, without changing anything.
//!
//! Recovery ([`crate::recovery`]) believes the checkpoint and reads only what came after it; this
//! reads everything, and says all that is wrong rather than the first of it. What recovery would
//! refuse, or a reader stumble over, is a problem; what the next start puts right by itself, or
//! removes, is a note.

mod finding;
mod partition;
mod segment;

pub use finding::{Finding, Severity};
pub use partition::{Verified, verify};
