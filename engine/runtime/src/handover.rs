//! One value from any thread to a task: the way back from threads that have no runtime, and
//! between shards where no job is to be run. No lock on either side.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crossbeam::queue::ArrayQueue;

/// A value on its way, and the place where it arrives.
pub fn handover<T>() -> (Handover<T>, Handed<T>) {
    let cell = Arc::new(Cell {
        value: ArrayQueue::new(1),
        waker: ArrayQueue::new(1),
    });
    (Handover(Arc::clone(&cell)), Handed(cell))
}

struct Cell<T> {
    value: ArrayQueue<T>,
    /// Who waits. The newest waker replaces the one before.
    waker: ArrayQueue<Waker>,
}

/// The giving side.
pub struct Handover<T>(Arc<Cell<T>>);

impl<T> Handover<T> {
    /// Gives the value, once. Where nobody waits any more it is dropped with the cell.
    pub fn give(&self, value: T) {
        let first = self.0.value.push(value).is_ok();
        assert!(first, "a handover carries one value");
        if let Some(waker) = self.0.waker.pop() {
            waker.wake();
        }
    }

    /// Whether the taking side is gone.
    pub fn is_forsaken(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// The taking side: resolves to the value.
pub struct Handed<T>(Arc<Cell<T>>);

impl<T> Future for Handed<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = self.0.value.pop() {
            return Poll::Ready(value);
        }
        drop(self.0.waker.force_push(context.waker().clone()));
        // A value that was given between the look and the waker woke nobody.
        self.0.value.pop().map_or(Poll::Pending, Poll::Ready)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;
    use std::thread;

    use super::*;

    struct Flag(AtomicBool, thread::Thread);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
            self.1.unpark();
        }
    }

    #[test]
    fn a_value_from_another_thread_wakes_its_task_however_they_meet() {
        for round in 0..2_000 {
            let (give, take) = handover();
            let start = Arc::new(Barrier::new(2));
            let other = Arc::clone(&start);
            let giver = thread::spawn(move || {
                other.wait();
                give.give(round);
            });
            let flag = Arc::new(Flag(AtomicBool::new(false), thread::current()));
            let waker = Waker::from(Arc::clone(&flag));
            let mut take = pin!(take);
            start.wait();
            let value = loop {
                match take.as_mut().poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(value) => break value,
                    // Only the waker lets this go on: one that is lost hangs the test.
                    Poll::Pending => {
                        while !flag.0.swap(false, Ordering::SeqCst) {
                            thread::park();
                        }
                    }
                }
            };
            assert_eq!(value, round);
            giver.join().expect("the giver");
        }
    }

    #[test]
    fn the_giver_sees_that_nobody_waits() {
        let (give, take) = handover::<u8>();
        assert!(!give.is_forsaken());
        drop(take);
        assert!(give.is_forsaken());
    }
}
