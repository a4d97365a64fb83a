//! Those who wait until a log has come to an offset, in the order of their offsets: progress
//! wakes whom it concerns and nobody else.
//!
//! A waiter is entered when it is made, not when it is first polled. Whoever appends and makes
//! a waiter at once, without an await in between, waits for that batch and no other: if it is
//! taken back for want of room, the waiter is told, although a later batch may get the same
//! offset.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::LogError;
use naru_runtime::sync::{Receiver, Sender, oneshot};

type Answer = Result<(), LogError>;

/// Which waiter: its offset, and a number that makes it one of a kind.
type Key = (i64, u64);

#[derive(Default)]
pub(super) struct Waiters {
    waiting: RefCell<BTreeMap<Key, Sender<Answer>>>,
    next_number: Cell<u64>,
}

impl Waiters {
    /// Waits until `offset` is reached, or out of reach.
    pub fn add(self: &Rc<Self>, offset: i64) -> Waiter {
        let key = (offset, self.next_number.get());
        self.next_number.set(key.1 + 1);
        let (sender, answer) = oneshot();
        self.waiting.borrow_mut().insert(key, sender);
        Waiter {
            waiters: Rc::clone(self),
            key,
            answer,
        }
    }

    /// All below `offset` is there.
    pub fn reached(&self, offset: i64) {
        let later = self.waiting.borrow_mut().split_off(&(offset + 1, 0));
        let reached = self.waiting.replace(later);
        answer_all(reached, &Ok(()));
    }

    /// What is at `offset` or after it will not come.
    pub fn lost_after(&self, offset: i64, error: &LogError) {
        let lost = self.waiting.borrow_mut().split_off(&(offset + 1, 0));
        answer_all(lost, &Err(error.clone()));
    }

    /// Nothing will come any more.
    pub fn lost_all(&self, error: &LogError) {
        answer_all(self.waiting.take(), &Err(error.clone()));
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        self.waiting.borrow().len()
    }
}

/// Called with nothing borrowed: whoever is woken may come straight back.
fn answer_all(waiting: BTreeMap<Key, Sender<Answer>>, answer: &Answer) {
    for sender in waiting.into_values() {
        // Whoever left has taken its entry along; what is here is awaited.
        let _ = sender.send(answer.clone());
    }
}

/// See [`Waiters::add`]. Dropped, it leaves nothing behind.
pub(super) struct Waiter {
    waiters: Rc<Waiters>,
    key: Key,
    answer: Receiver<Answer>,
}

impl Future for Waiter {
    /// `None` when the log is gone.
    type Output = Option<Answer>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Answer>> {
        Pin::new(&mut self.answer).poll(context)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let gone = self.waiters.waiting.borrow_mut().remove(&self.key);
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::PathBuf;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn error() -> LogError {
        LogError::Closed {
            directory: PathBuf::from("/log"),
        }
    }

    #[test]
    fn progress_wakes_those_whose_offset_is_reached_and_nobody_else() {
        let waiters = Rc::new(Waiters::default());
        let woken = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut waiting: Vec<_> = (1..=100).map(|offset| waiters.add(offset)).collect();
        for waiter in &mut waiting {
            assert!(pin!(waiter).poll(&mut context).is_pending());
        }
        waiters.reached(3);
        assert_eq!(woken.0.load(Ordering::Relaxed), 3);
        for waiter in waiting.iter_mut().take(3) {
            assert!(matches!(
                pin!(waiter).poll(&mut context),
                Poll::Ready(Some(Ok(())))
            ));
        }
        waiters.lost_after(99, &error());
        assert_eq!(woken.0.load(Ordering::Relaxed), 4);
        assert!(matches!(
            pin!(waiting.last_mut().unwrap()).poll(&mut context),
            Poll::Ready(Some(Err(LogError::Closed { .. })))
        ));
        assert_eq!(waiters.count(), 96);
        waiters.lost_all(&error());
        assert_eq!(woken.0.load(Ordering::Relaxed), 100);
    }

    #[test]
    fn a_waiter_that_leaves_is_forgotten() {
        let waiters = Rc::new(Waiters::default());
        let waiting = [waiters.add(1 << 40), waiters.add(1 << 40)];
        assert_eq!(waiters.count(), 2);
        drop(waiting);
        assert_eq!(waiters.count(), 0);
    }
}
