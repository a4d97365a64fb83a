//! The coordinators of a shard, one for each partition of `__consumer_offsets` it owns.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use naru_runtime::Handle;
use naru_runtime::sync::Notify;

use super::Reply;
use crate::group::{Coordinator, GroupError, Now};
use crate::partition::Partition;

/// A coordinator and the partition that it writes to.
pub struct Slot {
    pub groups: RefCell<Coordinator<Reply>>,
    pub partition: Rc<Partition>,
}

pub struct Coordinators {
    pub(super) io: Handle,
    /// Where the monotonic clock of [`Now`] begins.
    began: Instant,
    slots: RefCell<BTreeMap<i32, Rc<Slot>>>,
    /// What the timekeeper waits for, in ms of the monotonic clock.
    pub(super) awaited_ms: Cell<i64>,
    /// Something is due earlier than that.
    pub(super) changed: Notify,
}

impl Coordinators {
    pub fn new(io: Handle) -> Self {
        Self {
            began: io.now(),
            io,
            slots: RefCell::default(),
            awaited_ms: Cell::new(i64::MAX),
            changed: Notify::new(),
        }
    }

    /// The time of an event that happens now.
    pub fn now(&self) -> Now {
        let steady = self.io.now().saturating_duration_since(self.began);
        Now {
            steady_ms: i64::try_from(steady.as_millis()).unwrap_or(i64::MAX),
            wall_ms: self.io.wall_ms(),
        }
    }

    pub fn insert(&self, index: i32, slot: Slot) {
        self.slots.borrow_mut().insert(index, Rc::new(slot));
        self.changed.notify_all();
    }

    pub fn remove(&self, index: i32) {
        self.slots.borrow_mut().remove(&index);
    }

    pub fn contains(&self, index: i32) -> bool {
        self.slots.borrow().contains_key(&index)
    }

    pub fn get(&self, index: i32) -> Result<Rc<Slot>, GroupError> {
        let slots = self.slots.borrow();
        slots.get(&index).cloned().ok_or(GroupError::NotCoordinator)
    }

    pub fn all(&self) -> Vec<Rc<Slot>> {
        self.slots.borrow().values().cloned().collect()
    }

    /// When the next of them has something to do, in ms of the monotonic clock.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let slots = self.slots.borrow();
        let deadlines = slots
            .values()
            .filter_map(|slot| slot.groups.borrow().next_deadline_ms());
        deadlines.min()
    }
}
