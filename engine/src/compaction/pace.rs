//! How fast a cleaning may go, and whether it is to go on.

use std::future::{Future, ready};

use super::CleanError;

/// Told of every piece of work; it may take its time, or call the work off.
pub trait Pace {
    /// `bytes` were read or written, or looked through in memory.
    ///
    /// # Errors
    /// [`CleanError::Stopped`] when the cleaning is to end.
    fn moved(&self, bytes: u64) -> impl Future<Output = Result<(), CleanError>>;
}

/// As fast as it goes, to the end.
#[derive(Clone, Copy, Debug)]
pub struct Unpaced;

impl Pace for Unpaced {
    fn moved(&self, _bytes: u64) -> impl Future<Output = Result<(), CleanError>> {
        ready(Ok(()))
    }
}
