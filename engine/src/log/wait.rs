//! Waiting for a log: until something is written, flushed, or there is more to read.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::waiters::Waiters;
use super::{Log, LogError};
use naru_runtime::Env;

/// Resolves with the next flush, or failure, of a log.
pub type Progress = Pin<Box<dyn Future<Output = ()>>>;

impl<E: Env> Log<E> {
    /// Waits until all below `offset` survives the death of the process.
    ///
    /// The wait begins with this call, not with the first poll. Called right after an append,
    /// it is for that batch, also if that is taken back for want of room and another one gets
    /// its offset.
    pub fn written(&self, offset: i64) -> impl Future<Output = Result<(), LogError>> + use<E> {
        self.wait(offset, self.written_offset(), &self.0.write_waiters)
    }

    /// Has all below `offset` flushed, and waits until it is. As with [`Self::written`], the
    /// wait begins with this call.
    pub fn flushed(&self, offset: i64) -> impl Future<Output = Result<(), LogError>> + use<E> {
        self.demand_flush(offset);
        self.wait(offset, self.flushed_offset(), &self.0.flush_waiters)
    }

    fn wait(
        &self,
        offset: i64,
        reached: i64,
        waiters: &Rc<Waiters>,
    ) -> impl Future<Output = Result<(), LogError>> + use<E> {
        let known = if reached >= offset {
            Some(Ok(()))
        } else {
            self.check_reachable(offset).err().map(Err)
        };
        let waiter = match known {
            Some(answer) => Err(answer),
            None => Ok(waiters.add(offset)),
        };
        let log = self.clone();
        async move {
            let answer = match waiter {
                Ok(waiter) => waiter.await.unwrap_or_else(|| Err(log.closed())),
                Err(known) => known,
            };
            // After a failed flush nothing is acknowledged any more.
            answer.and_then(|()| log.0.shared.fence.check())
        }
    }

    /// The error, if what is below `offset` and not there yet will never come.
    fn check_reachable(&self, offset: i64) -> Result<(), LogError> {
        self.check()?;
        let state = self.state();
        match state.life().full() {
            Some(error) if state.life().is_waiting_for_room() && offset > state.end_offset() => {
                Err(error.clone())
            }
            _ => Ok(()),
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
        Box::pin(async move { log.0.progress.wait().await })
    }
}

/// A reader at the end of a log.
pub struct TailReader<E: Env>(Log<E>);

impl<E: Env> Drop for TailReader<E> {
    fn drop(&mut self) {
        self.0.state().readers.tail_reader_left();
    }
}
