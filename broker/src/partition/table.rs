//! The partitions that one shard owns.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use uuid::Uuid;

use super::Partition;
use super::role::{Denial, Role, Standing, admit};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartitionId {
    pub topic_id: Uuid,
    pub index: i32,
}

/// A partition, or that it is not served.
#[derive(Clone)]
pub enum Slot {
    Online(Rc<Partition>),
    /// Its data is damaged or its directory is gone. The log of the start says which.
    Offline,
}

impl Slot {
    /// What this broker is to the partition.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Online(partition) => partition.standing(),
            Self::Offline => Standing {
                role: Role::Offline,
                leader_epoch: -1,
            },
        }
    }
}

/// In order: what is done with all of them one after the other is done so in every run.
#[derive(Default)]
pub struct Partitions(RefCell<BTreeMap<PartitionId, Slot>>);

impl Partitions {
    pub fn get(&self, id: PartitionId) -> Option<Slot> {
        self.0.borrow().get(&id).cloned()
    }

    /// The gate: the partition, if this broker leads it and the client is of its epoch.
    /// `client_epoch` may be [`super::NO_EPOCH`]; `is_in_image` tells whether the
    /// cluster has a partition that is not here.
    pub fn leader(
        &self,
        id: PartitionId,
        client_epoch: i32,
        is_in_image: impl FnOnce() -> bool,
    ) -> Result<Rc<Partition>, Denial> {
        let slot = self.get(id);
        let standing = slot.as_ref().map(Slot::standing);
        admit(standing, standing.is_none() && is_in_image(), client_epoch)?;
        match slot {
            Some(Slot::Online(partition)) => Ok(partition),
            Some(Slot::Offline) | None => unreachable!("only a leader is admitted"),
        }
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

    /// How many are not served.
    pub fn offline_count(&self) -> usize {
        let slots = self.0.borrow();
        let offline = slots.values().filter(|slot| matches!(slot, Slot::Offline));
        offline.count()
    }

    /// Those that are served, at this moment.
    pub fn online(&self) -> Vec<Rc<Partition>> {
        let slots = self.0.borrow();
        let online = slots.values().filter_map(|slot| match slot {
            Slot::Online(partition) => Some(Rc::clone(partition)),
            Slot::Offline => None,
        });
        online.collect()
    }
}
