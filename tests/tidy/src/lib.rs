//! The house rules that a test can keep: who imports whom (`docs/ARCHITECTURE.md`), and what every
//! source file looks like (`docs/CONTRIBUTING.md`).
//!
//! It depends on `syn` and on nothing of Naru, so that checking a `use` line compiles no broker.
//! `tests/repository.rs` holds the repository against the rules; each rule has tests beside it
//! that show it fail, on strings.

pub mod imports;
pub mod rooms;
pub mod source;
pub mod style;
mod violation;

pub use violation::Violation;
