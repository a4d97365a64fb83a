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
    /// A waker of every task that is not finished, to end them all at shutdown.
    active: Rc<RefCell<Slab<Waker>>>,
}

impl Executor {
    /// The executor of the calling thread.
    ///
    /// # Panics
    /// When the thread has one already.
    pub(super) fn new(waker: RemoteWaker) -> Self {
        assert_eq!(OWNER.get(), 0, "a thread has one runtime");
        let id = EXECUTOR_ID_NEXT.fetch_add(1, Ordering::Relaxed);
        OWNER.set(id);
        Self {
            remote: Arc::new(Remote {
                id,
                ready: SegQueue::new(),
                waker,
            }),
            active: Rc::default(),
        }
    }

    pub(super) fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let mut active = self.active.borrow_mut();
        let entry = active.vacant_entry();
        let guarded = Guarded {
            future,
            slot: entry.key(),
            active: Rc::clone(&self.active),
        };
        let remote = Arc::clone(&self.remote);
        let (runnable, task) =
            async_task::spawn_local(guarded.run(), move |runnable| remote.schedule(runnable));
        entry.insert(runnable.waker());
        drop(active);
        runnable.schedule();
        task
    }

    /// Whether a task is ready.
    pub(super) fn has_ready(&self) -> bool {
        !self.remote.ready.is_empty() || READY.with(|ready| !ready.borrow().is_empty())
    }

    /// Polls up to `count_max` tasks that are ready now; those that they wake have to wait
    /// for the next call, so that I/O is looked after in between.
    pub(super) fn run_ready(&self, count_max: usize) {
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
            while let Some(runnable) = READY
                .with(|ready| ready.borrow_mut().pop_front())
                .or_else(|| self.remote.ready.pop())
            {
                drop(runnable);
                dropped += 1;
            }
            if dropped == 0 {
                break;
            }
        }
        OWNER.set(0);
    }
}

/// Takes a future off the list of active ones when it ends, however it ends.
struct Guarded<F> {
    future: F,
    slot: usize,
    active: Rc<RefCell<Slab<Waker>>>,
}

impl<F: Future> Guarded<F> {
    async fn run(self) -> F::Output {
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
        let _leave = Leave {
            slot: self.slot,
            active: self.active,
        };
        self.future.await
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
