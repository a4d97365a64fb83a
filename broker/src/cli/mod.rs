//! The command line, and the commands beside the broker itself: `doctor` and `verify`. Those that
//! talk to a cluster over the wire are in `naru-cli`.
//!
//! Tables for people by default, `--json` for programs; the exit code says how it went.

mod args;
mod completions;
mod doctor;
mod verify;

pub use args::{Cli, Command, DoctorArgs, StartArgs, VerifyArgs};
pub use completions::completions;
pub use doctor::doctor;
pub use verify::verify;
