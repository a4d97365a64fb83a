//! The coordinators of a shard, one for each partition of `__consumer_offsets` it owns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use naru_runtime::sync::Notify;

use super::Reply;
use crate::group::{Coordinator, GroupError};
use crate::partition::Partition;

/// A coordinator and the partition that it writes to.
pub struct Slot {
    pub groups: RefCell<Coordinator<Reply>>,
    pub partition: Rc<Partition>,
}

#[derive(Default)]
pub struct Coordinators {
    slots: RefCell<HashMap<i32, Rc<Slot>>>,
    /// Something may be due earlier than it was.
    pub changed: Notify,
}

impl Coordinators {
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

    /// When the next of them has something to do, in ms.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let slots = self.slots.borrow();
        let deadlines = slots
            .values()
            .filter_map(|slot| slot.groups.borrow().next_deadline_ms());
        deadlines.min()
    }
}
