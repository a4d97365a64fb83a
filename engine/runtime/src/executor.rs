//! The tasks of one thread and the queue of those that are ready.
//!
//! Tasks never move to another thread, their wakers may: a wake on the own thread is a
//! push to a plain queue, one from another thread goes through a lock-free queue and the
//! eventfd. A task that panics takes its thread down; nothing is caught here.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use async_task::Runnable;
use crossbeam::queue::SegQueue;
use slab::Slab;

use super::wake::RemoteWaker;

/// A spawned future's result. Dropping it cancels the future; `detach` lets it run on.
pub type Task<T> = async_task::Task<T>;

static EXECUTOR_ID_NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// Which executor lives on this thread (0: none), and its ready tasks.
    static OWNER: Cell<u64> = const { Cell::new(0) };
    static READY: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
}

/// What other threads reach of an executor.
struct Remote {
    id: u64,
    ready: SegQueue<Runnable>,
    waker: RemoteWaker,
}

impl Remote {
    fn schedule(&self, runnable: Runnable) {
        // During the thread's own end the locals are gone: take the remote way.
        if OWNER.try_with(Cell::get) == Ok(self.id) {
            READY.with(|ready| ready.borrow_mut().push_back(runnable));
        } else {
            self.ready.push(runnable);
            self.waker.wake();
        }
    }
}

pub(super) struct Executor {
    remote: Arc<Remote>,
    /// Whether the thread's own queue is this executor's: not in a simulation, where many share a
    /// thread, and every wake takes the way of one from outside.
    owns_thread: bool,
    /// A waker of every task that is not finished, to end them all at shutdown.
    active: Rc<RefCell<Slab<Waker>>>,
}

impl Executor {
    /// The executor of the calling thread.
    ///
    /// # Panics
    /// When the thread has one already.
    pub(super) fn of_this_thread(waker: RemoteWaker) -> Self {
        assert_eq!(OWNER.get(), 0, "a thread has one runtime");
        let executor = Self::simulated(waker);
        OWNER.set(executor.remote.id);
        Self {
            owns_thread: true,
            ..executor
        }
    }

    /// One of many on this thread.
    pub(super) fn simulated(waker: RemoteWaker) -> Self {
        Self {
            remote: Arc::new(Remote {
                id: EXECUTOR_ID_NEXT.fetch_add(1, Ordering::Relaxed),
                ready: SegQueue::new(),
                waker,
            }),
            owns_thread: false,
            active: Rc::default(),
        }
    }

    pub(super) fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let mut active = self.active.borrow_mut();
        let entry = active.vacant_entry();
        // Made here, not by the future: one that is cancelled before it is first polled ends, too.
        let leave = Leave {
            slot: entry.key(),
            active: Rc::clone(&self.active),
        };
        let guarded = async move {
            let _leave = leave;
            future.await
        };
        let remote = Arc::clone(&self.remote);
        let (runnable, task) =
            async_task::spawn_local(guarded, move |runnable| remote.schedule(runnable));
        entry.insert(runnable.waker());
        drop(active);
        runnable.schedule();
        task
    }

    /// Whether a task is ready.
    pub(super) fn has_ready(&self) -> bool {
        !self.remote.ready.is_empty()
            || self.owns_thread && READY.with(|ready| !ready.borrow().is_empty())
    }

    /// Polls up to `count_max` tasks that are ready now; those that they wake have to wait
    /// for the next call, so that I/O is looked after in between.
    pub(super) fn run_ready(&self, count_max: usize) {
        if !self.owns_thread {
            return self.run_ready_simulated(count_max);
        }
        let mut left = READY.with(|ready| {
            let mut ready = ready.borrow_mut();
            while let Some(runnable) = self.remote.ready.pop() {
                ready.push_back(runnable);
            }
            ready.len().min(count_max)
        });
        while left > 0 {
            let Some(runnable) = READY.with(|ready| ready.borrow_mut().pop_front()) else {
                break;
            };
            runnable.run();
            left -= 1;
        }
    }

    fn run_ready_simulated(&self, count_max: usize) {
        for _ in 0..self.remote.ready.len().min(count_max) {
            let Some(runnable) = self.remote.ready.pop() else {
                break;
            };
            runnable.run();
        }
    }

    /// Drops every task that is not finished.
    pub(super) fn shut_down(&self) {
        loop {
            let wakers: Vec<Waker> = self
                .active
                .borrow()
                .iter()
                .map(|(_, waker)| waker.clone())
                .collect();
            wakers.into_iter().for_each(Waker::wake);
            // Dropping a runnable drops its future, which may wake others.
            let mut dropped = 0;
            while let Some(runnable) = self.pop_ready() {
                drop(runnable);
                dropped += 1;
            }
            if dropped == 0 {
                break;
            }
        }
        if self.owns_thread {
            OWNER.set(0);
        }
    }

    fn pop_ready(&self) -> Option<Runnable> {
        let own = || READY.with(|ready| ready.borrow_mut().pop_front());
        let own = if self.owns_thread { own() } else { None };
        own.or_else(|| self.remote.ready.pop())
    }
}

/// Takes a future off the list of active ones when it ends, however it ends.
struct Leave {
    slot: usize,
    active: Rc<RefCell<Slab<Waker>>>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        let waker = self.active.borrow_mut().try_remove(self.slot);
        drop(waker);
    }
}

/// Lets the other ready tasks and the I/O go first.
pub async fn yield_now() {
    struct YieldNow(bool);
    impl Future for YieldNow {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            if self.0 {
                return Poll::Ready(());
            }
            self.0 = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }
    YieldNow(false).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_is_cancelled_before_its_first_poll_leaves_nothing() {
        let executor = Executor::simulated(RemoteWaker::simulated());
        let cancelled = executor.spawn(async {});
        executor.spawn(async {}).detach();
        assert_eq!(executor.active.borrow().len(), 2);
        drop(cancelled);
        executor.run_ready(2);
        assert!(executor.active.borrow().is_empty());
    }
}
