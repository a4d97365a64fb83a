//! Fetches that wait for partitions of several shards: each owner reports what it has, the
//! shard of the connection adds it up.
//!
//! Invariants:
//! - An owner enters a watch in the job that asks for it. The call-off is a later job of the
//!   same sender, and those do not overtake each other: it always finds its watch.
//! - Every watch is called off by the shard that asked, whatever ended the wait.
//! - A report that arrives after the end of its wait is dropped: numbers are not used again.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use naru_runtime::Task;
use naru_runtime::sync::Notify;

use super::{Readable, ShardId};

/// The shard that waits, and its number for the wait.
pub type WaitId = (ShardId, u64);

/// What the owners have reported to one fetch.
pub struct Reports {
    bytes_min: u64,
    by_owner: RefCell<Vec<u64>>,
    is_due: Cell<bool>,
    due: Notify,
}

impl Reports {
    pub fn new(bytes_min: u64, owners: usize) -> Rc<Self> {
        Rc::new(Self {
            bytes_min,
            by_owner: RefCell::new(vec![0; owners]),
            is_due: Cell::new(false),
            due: Notify::new(),
        })
    }

    /// Takes what an owner's partitions have together now.
    pub fn take(&self, owner: usize, readable: Readable) {
        let is_due = match readable {
            Readable::AnswerNow => true,
            Readable::Bytes(bytes) => {
                let mut by_owner = self.by_owner.borrow_mut();
                by_owner[owner] = bytes;
                by_owner.iter().sum::<u64>() >= self.bytes_min
            }
        };
        if is_due {
            self.is_due.set(true);
            self.due.notify_all();
        }
    }

    /// Resolves when the owners have enough together, or one has something that cannot wait.
    pub async fn due(&self) {
        while !self.is_due.get() {
            self.due.wait().await;
        }
    }
}

/// The waits of a shard: those of its own connections, and those that it watches for others.
#[derive(Default)]
pub struct RemoteWaits {
    next: Cell<u64>,
    waiting: RefCell<HashMap<u64, Rc<Reports>>>,
    watching: RefCell<HashMap<WaitId, Task<()>>>,
}

impl RemoteWaits {
    /// Has reports of other shards reach `reports`, until [`Self::end`]; the wait's number.
    pub fn begin(&self, reports: &Rc<Reports>) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        let earlier = self.waiting.borrow_mut().insert(number, Rc::clone(reports));
        assert!(earlier.is_none(), "wait {number} is there already");
        number
    }

    pub fn report(&self, number: u64, owner: usize, readable: Readable) {
        let waiting = self.waiting.borrow().get(&number).cloned();
        if let Some(reports) = waiting {
            reports.take(owner, readable);
        }
    }

    pub fn end(&self, number: u64) {
        self.waiting.borrow_mut().remove(&number);
    }

    /// Enters the watch that another shard asks for.
    pub fn watch(&self, id: WaitId, watch: Task<()>) {
        let earlier = self.watching.borrow_mut().insert(id, watch);
        assert!(earlier.is_none(), "wait {id:?} is watched already");
    }

    /// Ends a watch.
    pub fn call_off(&self, id: WaitId) {
        let watch = self.watching.borrow_mut().remove(&id);
        assert!(
            watch.is_some(),
            "wait {id:?} was called off before it began"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn is_due(reports: &Reports) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(reports.due()).poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn the_owners_add_up() {
        let reports = Reports::new(100, 3);
        for (owner, bytes) in [(0, 60), (2, 30), (0, 69)] {
            reports.take(owner, Readable::Bytes(bytes));
            assert!(!is_due(&reports), "{owner} has {bytes}");
        }
        reports.take(1, Readable::Bytes(1));
        assert!(is_due(&reports));
    }

    #[test]
    fn what_cannot_wait_ends_the_wait_for_all() {
        let reports = Reports::new(100, 2);
        reports.take(1, Readable::AnswerNow);
        assert!(is_due(&reports));
    }

    #[test]
    fn a_report_after_the_end_reaches_nobody() {
        let waits = RemoteWaits::default();
        let (first, second) = (Reports::new(1, 1), Reports::new(1, 1));
        let number = waits.begin(&first);
        waits.end(number);
        let later = waits.begin(&second);
        waits.report(number, 0, Readable::AnswerNow);
        assert!(!is_due(&first) && !is_due(&second));
        waits.report(later, 0, Readable::AnswerNow);
        assert!(is_due(&second));
    }
}
