//! The high watermark of a partition: every record below it is committed, so that consumers
//! may read it and `acks=all` is acknowledged.
//!
//! It is a number of its own, not the end of a log: a leader raises it to what all in-sync
//! replicas have flushed, which for a leader alone is the flushed end of its own log (ADR
//! 0003, ADR 0013), and a follower is told it. It never goes back while the partition is
//! open; checkpoints keep it over a restart.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use naru_runtime::sync::Notify;
use slab::Slab;

use super::watch::Watcher;

pub struct HighWatermark {
    offset: Cell<i64>,
    /// It has advanced, or whoever waits for it has to look why it will not.
    moved: Notify,
    watchers: RefCell<Slab<(Rc<Watcher>, usize)>>,
}

impl HighWatermark {
    pub fn new(offset: i64) -> Self {
        Self {
            offset: Cell::new(offset),
            moved: Notify::new(),
            watchers: RefCell::default(),
        }
    }

    pub fn get(&self) -> i64 {
        self.offset.get()
    }

    /// Raises it to `offset`; a lower one changes nothing.
    pub fn advance_to(&self, offset: i64) {
        if offset > self.offset.get() {
            self.offset.set(offset);
            self.wake();
        }
    }

    /// Has everyone who waits look at the partition again: it may not serve any more.
    pub fn wake(&self) {
        self.moved.notify_all();
        for (_, (watcher, place)) in self.watchers.borrow().iter() {
            watcher.tell(*place);
        }
    }

    /// Resolves at the next [`Self::wake`] after this call.
    pub fn moved(&self) -> impl Future<Output = ()> + '_ {
        self.moved.wait()
    }

    /// Tells `watcher` of every move, as one of the partition that it knows by `place`.
    pub fn enter(&self, watcher: &Rc<Watcher>, place: usize) -> usize {
        let entry = (Rc::clone(watcher), place);
        self.watchers.borrow_mut().insert(entry)
    }

    pub fn leave(&self, key: usize) {
        self.watchers.borrow_mut().remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let high_watermark = HighWatermark::new(5);
        high_watermark.advance_to(4);
        assert_eq!(high_watermark.get(), 5);
        high_watermark.advance_to(9);
        high_watermark.advance_to(7);
        assert_eq!(high_watermark.get(), 9);
    }

    #[test]
    fn a_watcher_hears_of_every_move_once_until_it_looks() {
        let high_watermark = HighWatermark::new(0);
        let watcher = Rc::new(Watcher::default());
        let key = high_watermark.enter(&watcher, 3);
        high_watermark.advance_to(1);
        high_watermark.advance_to(2);
        high_watermark.advance_to(2);
        assert_eq!(watcher.take_moved(), [3]);
        assert!(watcher.take_moved().is_empty());
        high_watermark.leave(key);
        high_watermark.advance_to(3);
        assert!(watcher.take_moved().is_empty());
    }
}
