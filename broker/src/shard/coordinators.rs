//! Which coordinators a shard has: those of the partitions of `__consumer_offsets` it owns.

use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

use super::Shard;
use crate::cluster::{ClusterImage, ConfigResource, Topic, TopicRef};
use crate::config::GroupSettings;
use crate::coordinator::{OFFSETS_TOPIC, Slot, TopicInfo, Topics, group_config};
use crate::group::partition_for;
use crate::partition::Partition;

/// The topics of an image, as groups see them.
struct ImageTopics(Arc<ClusterImage>);

fn info(topic: &Topic) -> TopicInfo {
    TopicInfo {
        id: topic.id,
        name: Arc::clone(&topic.name),
        partitions: topic.partitions.len() as i32,
    }
}

impl Topics for ImageTopics {
    fn named(&self, name: &str) -> Option<TopicInfo> {
        self.0.topic(TopicRef::Name(name)).map(|topic| info(&topic))
    }

    fn with_id(&self, id: Uuid) -> Option<TopicInfo> {
        self.0.topic(TopicRef::Id(id)).map(|topic| info(&topic))
    }

    fn racks(&self, id: Uuid, partition: i32) -> Vec<String> {
        let topic = self.0.topic(TopicRef::Id(id));
        let placed = topic.as_ref().and_then(|topic| topic.partition(partition));
        let replicas = placed.into_iter().flat_map(|placed| &placed.replicas);
        let brokers = replicas.filter_map(|id| self.0.broker(*id));
        brokers
            .filter_map(|broker| broker.registration.rack.clone())
            .collect()
    }

    fn names(&self) -> Box<dyn Iterator<Item = Arc<str>> + '_> {
        Box::new(self.0.topics().map(|topic| Arc::clone(&topic.name)))
    }

    fn version(&self) -> i64 {
        i64::try_from(self.0.index).unwrap_or(i64::MAX)
    }
}

impl Shard {
    /// Tells the groups of the topics that there are now.
    pub(super) fn tell_groups_of_topics(&self, has_new: bool) {
        let topics: Rc<dyn Topics> = Rc::new(ImageTopics(self.image()));
        self.coordinators.take_topics(&topics, has_new);
    }

    /// Tells the groups what clients have set of the broker and of them.
    pub(super) fn tell_groups_of_configs(&self) {
        let (image, config) = (self.image(), self.config());
        let own = image.config_resources().filter_map(|(resource, configs)| {
            let ConfigResource::Group(group_id) = resource else {
                return None;
            };
            Some((group_id.clone(), GroupSettings::effective(configs, &config)))
        });
        let config = group_config(&config.groups, own);
        self.coordinators.take_config(config);
    }

    fn offsets_partitions(&self) -> Vec<Rc<Partition>> {
        let online = self.partitions.online().into_iter();
        online.filter(|p| *p.topic == *OFFSETS_TOPIC).collect()
    }

    /// The coordinator of a group, if it is here and its groups are known.
    pub(super) fn coordinator_of(&self, group_id: &str) -> Option<Rc<Slot>> {
        let image = self.image();
        let topic = image.topic(TopicRef::Name(OFFSETS_TOPIC))?;
        let index = partition_for(group_id, topic.partitions.len() as i32);
        self.coordinators.get(index).ok()
    }

    /// Begins to read back the groups of an earlier run. Called once, before anything is served:
    /// who asks for a group before its partition is read is told to come again.
    pub(super) fn load_coordinators(self: &Rc<Self>) {
        self.tell_groups_of_topics(true);
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
        let config = self.coordinators.config();
        match Slot::load(&self.io, config, Rc::clone(&partition), now).await {
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
                let config = self.coordinators.config();
                let slot = Slot::empty(&self.io, config, partition);
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
