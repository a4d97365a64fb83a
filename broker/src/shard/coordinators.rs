//! Which coordinators a shard has: those of the partitions of `__consumer_offsets` it owns.

use std::rc::Rc;
use std::sync::Arc;

use super::Shard;
use crate::cluster::Topic;
use crate::coordinator::{OFFSETS_TOPIC, Slot};
use crate::partition::Partition;

impl Shard {
    fn offsets_partitions(&self) -> Vec<Rc<Partition>> {
        let online = self.partitions.online().into_iter();
        online.filter(|p| *p.topic == *OFFSETS_TOPIC).collect()
    }

    /// Reads back the groups of an earlier run. Called once, before anything is served.
    pub(super) async fn load_coordinators(&self) {
        for partition in self.offsets_partitions() {
            let index = partition.id.index;
            match Slot::load(&self.io, &self.config.groups, partition, || {
                self.coordinators.now()
            })
            .await
            {
                Ok(slot) => self.coordinators.insert(index, slot),
                Err(error) => tracing::error!(
                    "{OFFSETS_TOPIC}-{index} cannot be read, its groups are not served: {error}"
                ),
            }
        }
    }

    /// Seats coordinators for partitions that have just been made.
    pub(super) fn seat_coordinators(&self) {
        for partition in self.offsets_partitions() {
            let index = partition.id.index;
            if !self.coordinators.contains(index) && partition.is_new() {
                let slot = Slot::empty(&self.io, &self.config.groups, partition);
                self.coordinators.insert(index, slot);
            }
        }
    }

    /// Has the groups forget what they committed for topics that are gone.
    pub(super) fn forget_deleted_topics(self: &Rc<Self>, deleted: &[Arc<Topic>]) {
        for topic in deleted {
            for slot in self.coordinators.all() {
                let effects = slot.groups.borrow_mut().forget_topic(&topic.name, topic.id);
                self.coordinators.carry_out(&slot, effects);
            }
        }
    }
}
