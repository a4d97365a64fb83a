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
            if self.written_offset() >= offset {
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
            if self.flushed_offset() >= offset {
                return self.0.shared.fence.check();
            }
            self.check()?;
            self.0.flushed.wait().await;
        }
    }

    /// Has all below `offset` flushed as soon as it is written; does not wait.
    pub fn demand_flush(&self, offset: i64) {
        self.state().durability_mut().demand_flush(offset);
        self.start_flusher();
    }

    /// A reader at the end of the log: while there is one, what is written is flushed unasked.
    pub fn tail_reader(&self) -> TailReader<E> {
        self.state().readers.tail_reader_came();
        self.start_flusher();
        TailReader(self.clone())
    }

    /// Resolves with the next flush, or failure.
    pub fn progress(&self) -> Progress {
        let log = self.clone();
        Box::pin(async move { log.0.flushed.wait().await })
    }
}

/// A reader at the end of a log.
pub struct TailReader<E: Env>(Log<E>);

impl<E: Env> Drop for TailReader<E> {
    fn drop(&mut self) {
        self.0.state().readers.tail_reader_left();
    }
}
