//! Waiting for each other within one thread: no locks, no atomics, nothing is `Send`.
//!
//! Wakers are called only when no cell is borrowed, so a woken future may come straight
//! back.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// Wakes all who wait at that moment. Nothing is remembered: look at the state first, then
/// wait, with no await in between.
#[derive(Default)]
pub struct Notify {
    epoch: Cell<u64>,
    waiting: RefCell<Slab<Waker>>,
}

impl Notify {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn notify_all(&self) {
        self.epoch.set(self.epoch.get() + 1);
        let waiting = mem::take(&mut *self.waiting.borrow_mut());
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Resolves at the next [`Self::notify_all`], counted from this call, not from the first
    /// poll.
    pub fn wait(&self) -> Notified<'_> {
        Notified {
            notify: self,
            epoch: self.epoch.get(),
            slot: None,
        }
    }
}

/// See [`Notify::wait`].
pub struct Notified<'a> {
    notify: &'a Notify,
    epoch: u64,
    slot: Option<usize>,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.notify.epoch.get() != self.epoch {
            return Poll::Ready(());
        }
        let mut waiting = self.notify.waiting.borrow_mut();
        match self.slot {
            Some(slot) => {
                let old = waiting
                    .get_mut(slot)
                    .map(|waker| mem::replace(waker, context.waker().clone()));
                drop(waiting);
                drop(old);
            }
            None => {
                let slot = waiting.insert(context.waker().clone());
                drop(waiting);
                self.slot = Some(slot);
            }
        }
        Poll::Pending
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        // After a notification the slot may belong to somebody else.
        if let Some(slot) = self.slot
            && self.notify.epoch.get() == self.epoch
        {
            let waker = self.notify.waiting.borrow_mut().try_remove(slot);
            drop(waker);
        }
    }
}

/// One value from one task to another.
pub fn oneshot<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Rc::new(Oneshot {
        value: RefCell::new(None),
        waker: RefCell::new(None),
        is_sender_gone: Cell::new(false),
    });
    let sender = Sender {
        shared: Rc::clone(&shared),
    };
    (sender, Receiver { shared })
}

struct Oneshot<T> {
    value: RefCell<Option<T>>,
    waker: RefCell<Option<Waker>>,
    is_sender_gone: Cell<bool>,
}

/// See [`oneshot`].
pub struct Sender<T> {
    shared: Rc<Oneshot<T>>,
}

/// Resolves to the value, or to `None` when the sender is gone without one.
pub struct Receiver<T> {
    shared: Rc<Oneshot<T>>,
}

impl<T> Sender<T> {
    /// Gives the value back when nobody waits any more.
    pub fn send(self, value: T) -> Result<(), T> {
        if self.is_closed() {
            return Err(value);
        }
        self.shared.value.replace(Some(value));
        Ok(())
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        Rc::strong_count(&self.shared) == 1
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.is_sender_gone.set(true);
        let waker = self.shared.waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.shared.is_sender_gone.get() {
            return Poll::Ready(self.shared.value.take());
        }
        let old = self.shared.waker.replace(Some(context.waker().clone()));
        drop(old);
        Poll::Pending
    }
}

/// A number of permits, given out in the order of asking: who asks for many is not
/// overtaken by those who ask for few.
pub struct Semaphore {
    free: Cell<usize>,
    queue: RefCell<VecDeque<Rc<Ticket>>>,
}

struct Ticket {
    count: usize,
    state: Cell<TicketState>,
    waker: RefCell<Option<Waker>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TicketState {
    Waiting,
    Granted,
    /// Granted and taken, or given up.
    Gone,
}

impl Semaphore {
    pub fn new(permits: usize) -> Rc<Self> {
        Rc::new(Self {
            free: Cell::new(permits),
            queue: RefCell::default(),
        })
    }

    /// Permits that nobody holds.
    pub fn free(&self) -> usize {
        self.free.get()
    }

    /// Waits for `count` permits. More than there are in all waits for ever.
    pub async fn acquire(self: &Rc<Self>, count: usize) -> Permit {
        let permit = |semaphore: &Rc<Self>| Permit {
            semaphore: Rc::clone(semaphore),
            count,
        };
        if self.queue.borrow().is_empty() && self.free.get() >= count {
            self.free.set(self.free.get() - count);
            return permit(self);
        }
        let ticket = Rc::new(Ticket {
            count,
            state: Cell::new(TicketState::Waiting),
            waker: RefCell::new(None),
        });
        self.queue.borrow_mut().push_back(Rc::clone(&ticket));
        let turn = Turn {
            semaphore: self,
            ticket: &ticket,
        };
        std::future::poll_fn(|context| {
            if turn.ticket.state.get() == TicketState::Granted {
                return Poll::Ready(());
            }
            let old = turn.ticket.waker.replace(Some(context.waker().clone()));
            drop(old);
            Poll::Pending
        })
        .await;
        ticket.state.set(TicketState::Gone);
        permit(self)
    }

    fn give_back(&self, count: usize) {
        self.free.set(self.free.get() + count);
        self.grant();
    }

    fn grant(&self) {
        let mut wakers = Vec::new();
        let mut queue = self.queue.borrow_mut();
        while let Some(first) = queue.front() {
            if first.count > self.free.get() {
                break;
            }
            self.free.set(self.free.get() - first.count);
            first.state.set(TicketState::Granted);
            wakers.extend(first.waker.take());
            queue.pop_front();
        }
        drop(queue);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Gives a place in the queue, or permits that were granted but not taken, back when the
/// waiting future is dropped.
struct Turn<'a> {
    semaphore: &'a Semaphore,
    ticket: &'a Rc<Ticket>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        match self.ticket.state.replace(TicketState::Gone) {
            TicketState::Waiting => {
                let mut queue = self.semaphore.queue.borrow_mut();
                queue.retain(|other| !Rc::ptr_eq(other, self.ticket));
                drop(queue);
                self.semaphore.grant();
            }
            TicketState::Granted => self.semaphore.give_back(self.ticket.count),
            TicketState::Gone => {}
        }
    }
}

/// Permits of a [`Semaphore`]; they go back when this is dropped.
pub struct Permit {
    semaphore: Rc<Semaphore>,
    count: usize,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.semaphore.give_back(self.count);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_notification_between_the_look_and_the_first_poll_is_not_lost() {
        let notify = Notify::new();
        let mut early = pin!(notify.wait());
        notify.notify_all();
        assert!(poll(early.as_mut()).is_ready());
        let mut late = pin!(notify.wait());
        assert!(poll(late.as_mut()).is_pending());
        notify.notify_all();
        assert!(poll(late.as_mut()).is_ready());
    }

    #[test]
    fn a_dropped_waiter_leaves_no_trace() {
        let notify = Notify::new();
        {
            let mut gone = pin!(notify.wait());
            assert!(poll(gone.as_mut()).is_pending());
        }
        assert!(notify.waiting.borrow().is_empty());
    }

    #[test]
    fn a_oneshot_gives_its_value_or_says_that_none_will_come() {
        let (sender, receiver) = oneshot();
        let mut receiver = pin!(receiver);
        assert!(poll(receiver.as_mut()).is_pending());
        sender.send(5).unwrap();
        assert_eq!(poll(receiver.as_mut()), Poll::Ready(Some(5)));

        let (sender, receiver) = oneshot::<u8>();
        drop(sender);
        assert_eq!(poll(pin!(receiver)), Poll::Ready(None));

        let (sender, receiver) = oneshot();
        drop(receiver);
        assert_eq!(sender.send(7), Err(7));
    }

    #[test]
    fn permits_are_given_in_the_order_of_asking() {
        let semaphore = Semaphore::new(2);
        let Poll::Ready(held) = poll(pin!(semaphore.acquire(1))) else {
            panic!("a permit is free")
        };
        let mut many = Box::pin(semaphore.acquire(2));
        let mut few = Box::pin(semaphore.acquire(1));
        assert!(poll(many.as_mut()).is_pending());
        assert!(poll(few.as_mut()).is_pending(), "may not overtake");
        drop(many);
        let Poll::Ready(few) = poll(few.as_mut()) else {
            panic!("the way is free")
        };
        drop((few, held));
        assert_eq!(semaphore.free(), 2);
    }

    #[test]
    fn permits_granted_to_a_dropped_future_come_back() {
        let semaphore = Semaphore::new(1);
        let Poll::Ready(held) = poll(pin!(semaphore.acquire(1))) else {
            panic!("a permit is free")
        };
        let mut waiting = Box::pin(semaphore.acquire(1));
        assert!(poll(waiting.as_mut()).is_pending());
        drop(held);
        drop(waiting);
        assert_eq!(semaphore.free(), 1);
    }
}
