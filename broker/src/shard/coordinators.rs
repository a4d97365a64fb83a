//! Which coordinators a shard has: those of the partitions of `__consumer_offsets` it owns.

use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

use super::Shard;
use crate::cluster::{Topic, TopicRef};
use crate::coordinator::{OFFSETS_TOPIC, Slot};
use crate::partition::Partition;

impl Shard {
    fn offsets_partitions(&self) -> Vec<Rc<Partition>> {
        let online = self.partitions.online().into_iter();
        online.filter(|p| *p.topic == *OFFSETS_TOPIC).collect()
    }

    /// Begins to read back the groups of an earlier run. Called once, before anything is served:
    /// who asks for a group before its partition is read is told to come again.
    pub(super) fn load_coordinators(self: &Rc<Self>) {
        let partitions = self.offsets_partitions();
        for partition in &partitions {
            let index = partition.id.index;
            self.coordinators.begin_loading(index, Rc::clone(partition));
        }
        let shard = Rc::clone(self);
        self.io.spawn(async move {
            for partition in partitions {
                shard.load_coordinator(partition).await;
            }
        });
    }

    async fn load_coordinator(self: &Rc<Self>, partition: Rc<Partition>) {
        let index = partition.id.index;
        let now = || self.coordinators.now();
        let groups = &self.config.groups;
        match Slot::load(&self.io, groups, Rc::clone(&partition), now).await {
            Ok((slot, loaded)) => {
                let Some(slot) = self.coordinators.end_loading(index, slot) else {
                    return;
                };
                tracing::debug!(
                    "{OFFSETS_TOPIC}-{index}: {} records in {} bytes were read back",
                    loaded.records,
                    loaded.bytes
                );
                self.forget_missing_topics(&slot);
            }
            Err(error) => {
                self.coordinators.fail_loading(index, &partition);
                tracing::error!(
                    "{OFFSETS_TOPIC}-{index} cannot be read, its groups are not served: {error}"
                );
            }
        }
    }

    /// Topics may have been deleted while the groups were not known.
    fn forget_missing_topics(self: &Rc<Self>, slot: &Rc<Slot>) {
        let image = self.image();
        let is_there = |name: &str, id: Uuid| {
            let topic = image.topic(TopicRef::Name(name));
            topic.is_some_and(|topic| id.is_nil() || topic.id == id)
        };
        let effects = slot.groups.borrow_mut().forget_missing_topics(is_there);
        self.coordinators.carry_out(slot, effects);
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
