//! `naru verify DIR`: the data directory of a stopped broker, looked through.
//!
//! It reads with what the broker reads with, on a disk that cannot be written to, under the lock
//! that keeps a broker out.

mod directory;
mod print;

use std::process::ExitCode;

use super::VerifyArgs;

/// Looks a directory through, and prints what is found.
pub fn verify(args: &VerifyArgs) -> ExitCode {
    match directory::look_through(&args.dir) {
        Ok(looked) => print::print(&looked, args),
        Err(error) => {
            eprintln!("naru: {error}");
            ExitCode::from(2)
        }
    }
}
