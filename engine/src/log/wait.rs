//! Waiting for a log: until something is written, flushed, or there is more to read.

use std::future::Future;
use std::pin::Pin;

use super::{Log, LogError};
use naru_runtime::Env;

/// Resolves with the next flush, or failure, of a log.
pub type Progress = Pin<Box<dyn Future<Output = ()>>>;

impl<E: Env> Log<E> {
    /// Waits until all below `offset` survives the death of the process.
    pub async fn written(&self, offset: i64) -> Result<(), LogError> {
        loop {
            if self.state().written_offset >= offset {
                return Ok(());
            }
            self.check()?;
            self.0.written.wait().await;
        }
    }

    /// Has all below `offset` flushed, and waits until it is.
    pub async fn flushed(&self, offset: i64) -> Result<(), LogError> {
        self.demand_flush(offset);
        loop {
            if self.state().flushed_offset >= offset {
                return self.0.shared.fence.check();
            }
            self.check()?;
            self.0.flushed.wait().await;
        }
    }

    /// Has all below `offset` flushed as soon as it is written; does not wait.
    pub fn demand_flush(&self, offset: i64) {
        {
            let mut state = self.state();
            state.flush_wanted = state.flush_wanted.max(offset);
        }
        self.start_flusher();
    }

    /// Marks a reader at the end: while it is there, what is written is flushed unasked.
    pub fn follow(&self) -> Following<E> {
        self.state().followers += 1;
        self.start_flusher();
        Following(self.clone())
    }

    /// Resolves with the next flush, or failure.
    pub fn progress(&self) -> Progress {
        let log = self.clone();
        Box::pin(async move { log.0.flushed.wait().await })
    }
}

/// A reader at the end of a log.
pub struct Following<E: Env>(Log<E>);

impl<E: Env> Drop for Following<E> {
    fn drop(&mut self) {
        self.0.state().followers -= 1;
    }
}
