//! The partitions that one shard owns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use uuid::Uuid;

use super::Partition;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    pub topic_id: Uuid,
    pub index: i32,
}

/// A partition, or why it is not served.
#[derive(Clone)]
pub enum Slot {
    Online(Rc<Partition>),
    /// Its data is damaged or its directory is gone; it says so until an operator acts.
    Offline(Rc<str>),
}

#[derive(Default)]
pub struct Partitions(RefCell<HashMap<PartitionId, Slot>>);

impl Partitions {
    pub fn get(&self, id: PartitionId) -> Option<Slot> {
        self.0.borrow().get(&id).cloned()
    }

    pub fn insert(&self, id: PartitionId, slot: Slot) {
        self.0.borrow_mut().insert(id, slot);
    }

    pub fn remove(&self, id: PartitionId) -> Option<Slot> {
        self.0.borrow_mut().remove(&id)
    }

    pub fn contains(&self, id: PartitionId) -> bool {
        self.0.borrow().contains_key(&id)
    }

    pub fn ids(&self) -> Vec<PartitionId> {
        self.0.borrow().keys().copied().collect()
    }

    /// Those that are served, at this moment.
    pub fn online(&self) -> Vec<Rc<Partition>> {
        let slots = self.0.borrow();
        let online = slots.values().filter_map(|slot| match slot {
            Slot::Online(partition) => Some(Rc::clone(partition)),
            Slot::Offline(_) => None,
        });
        online.collect()
    }
}
