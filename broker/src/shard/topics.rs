//! From the cluster's image to the partitions that a shard serves: new ones are opened,
//! deleted ones are dropped.
//!
//! A partition that is new to the cluster has no directory, so it is there as soon as the image
//! is taken, before the client who made it is answered. Those that were there when the broker
//! started are recovered before it listens.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use naru_engine::log::{Log, LogConfig};
use naru_runtime::sync::Semaphore;

use super::Shard;
use super::directories::{deleted_directory, identity, move_aside, partition_directory};
use crate::cluster::{Delta, ImageReader, Topic};
use crate::config::TopicConfig;
use crate::coordinator::OFFSETS_TOPIC;
use crate::coordinator::transactions::TRANSACTIONS_TOPIC;
use crate::partition::{Partition, PartitionId, PartitionState, Role, Slot, Standing, owner};

/// Directories of deleted partitions that are renamed at the same time.
const RETIREMENTS_MAX: usize = 32;

/// Partitions that are opened before the shard looks at its other work.
const PARTITIONS_PER_TURN_MAX: i32 = 64;

pub(super) fn log_config(topic: &Topic, config: &TopicConfig) -> LogConfig {
    let expires = config.cleanup_policy.delete;
    let limit = |value: Option<u64>| value.filter(|_| expires);
    // What is to be compacted by some time must not be in the active segment then.
    let segment_ms = match config.cleanup_policy.compact {
        true => config.segment_ms.min(config.compaction_lag_ms_max),
        false => config.segment_ms,
    };
    LogConfig {
        segment_bytes: u64::from(config.segment_bytes),
        segment_ms: i64::try_from(segment_ms).unwrap_or(i64::MAX),
        retention_ms: limit(config.retention_ms.get())
            .map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
        retention_bytes: limit(config.retention_bytes.get()),
        identity: identity(topic.id),
    }
}

impl Shard {
    /// Takes every image that is published, for as long as the shard lives.
    pub(super) async fn follow_images(self: Rc<Self>, mut images: ImageReader) {
        loop {
            let before = Arc::clone(images.image());
            let image = images.next().await;
            let delta = image.since(&before);
            let has_other_configs = image.has_other_broker_configs(&before);
            let has_other_groups = image.has_other_resource_configs(&before);
            self.image.replace(image);
            if has_other_configs {
                self.take_broker_configs();
            }
            if has_other_configs || has_other_groups {
                self.tell_groups_of_configs();
            }
            self.tell_groups_of_topics(!delta.created.is_empty());
            self.apply(delta, &images).await;
            if has_other_configs {
                // Topics inherit from brokers.
                self.take_all().await;
            }
            images.acknowledge();
        }
    }

    /// Opens what is new, drops what is gone, and leaves alone what is as it was.
    ///
    /// What is deleted is gone for clients at once; its directories are moved out of the way
    /// before anything new is opened, here or on another shard: a new topic of the same name uses
    /// the same directories, and its partitions may be another shard's.
    async fn apply(self: &Rc<Self>, delta: Delta, images: &ImageReader) {
        let mut dropped = Vec::new();
        for topic in &delta.deleted {
            self.topic_configs.borrow_mut().remove(&topic.id);
            self.take_out(topic, &mut dropped);
        }
        for topic in &delta.altered {
            self.topic_configs.borrow_mut().remove(&topic.id);
        }
        self.forget_deleted_topics(&delta.deleted);
        self.retire_all(dropped).await;
        images.acknowledge_deletions();
        let taken = || delta.altered.iter().chain(&delta.created);
        if taken().any(|topic| self.opens_any(topic)) {
            images.deletions_acknowledged().await;
        }
        for topic in taken() {
            self.take_topic(topic).await;
        }
    }

    /// Opens what is new of all topics, and gives what is open its settings.
    pub(super) async fn take_all(self: &Rc<Self>) {
        for topic in self.image().topics() {
            self.take_topic(topic).await;
        }
    }

    async fn take_topic(self: &Rc<Self>, topic: &Arc<Topic>) {
        for index in 0..topic.partitions.len() as i32 {
            if let Some(id) = self.owned(topic, index) {
                self.take_settings(topic, id);
            }
            if index % PARTITIONS_PER_TURN_MAX == PARTITIONS_PER_TURN_MAX - 1 {
                self.io.yield_now().await;
            }
        }
        match &*topic.name {
            OFFSETS_TOPIC => self.seat_coordinators(),
            TRANSACTIONS_TOPIC => self.seat_transactions(),
            _ => {}
        }
    }

    /// Whether the shard is to open a partition of the topic that it does not have.
    fn opens_any(&self, topic: &Topic) -> bool {
        (0..topic.partitions.len() as i32)
            .filter_map(|index| self.owned(topic, index))
            .any(|id| !self.partitions.contains(id))
    }

    /// Takes the partitions of a deleted topic away from clients; their logs are still open.
    fn take_out(&self, topic: &Topic, dropped: &mut Vec<(PathBuf, PartitionId, Slot)>) {
        for index in 0..topic.partitions.len() as i32 {
            if let Some(id) = self.owned(topic, index)
                && let Some(slot) = self.partitions.remove(id)
            {
                match &*topic.name {
                    OFFSETS_TOPIC => self.coordinators.remove(index),
                    TRANSACTIONS_TOPIC => self.transactions.remove(index),
                    _ => {}
                }
                let directory = partition_directory(&self.config.data_dir, &topic.name, index);
                dropped.push((directory, id, slot));
            }
        }
    }

    /// Ends the logs of deleted partitions, and gives their directories names that no topic has.
    /// Removing them may take its time.
    async fn retire_all(self: &Rc<Self>, dropped: Vec<(PathBuf, PartitionId, Slot)>) {
        let gate = Semaphore::new(RETIREMENTS_MAX);
        let mut tasks = Vec::with_capacity(dropped.len());
        for (from, id, slot) in dropped {
            let (shard, gate) = (Rc::clone(self), Rc::clone(&gate));
            tasks.push(self.io.spawn_task(async move {
                let _permit = gate.acquire(1).await;
                shard.retire(from, id, slot).await
            }));
        }
        let mut leftovers = Vec::new();
        for task in tasks {
            leftovers.extend(task.await);
        }
        if !leftovers.is_empty() {
            self.remove_directories(leftovers);
        }
    }

    /// Returns the directory under its new name, if there is one.
    async fn retire(&self, from: PathBuf, id: PartitionId, slot: Slot) -> Option<PathBuf> {
        let to = deleted_directory(&self.config.data_dir, id);
        let retired = match &slot {
            Slot::Online(partition) => partition.retire(&to).await.map_err(|e| e.to_string()),
            Slot::Offline => {
                let moved = move_aside(&self.io, &from, &to).await;
                moved.map_err(|error| error.to_string())
            }
        };
        match retired {
            Ok(is_there) => is_there.then_some(to),
            Err(error) => {
                // A new topic of this name does not use a directory that is not its own; and the
                // next start knows that this one is of a deleted topic.
                tracing::error!(
                    "{} of a deleted topic is removed at the next start: {error}",
                    from.display()
                );
                None
            }
        }
    }

    pub(super) fn owned(&self, topic: &Topic, index: i32) -> Option<PartitionId> {
        let is_own = owner(topic.id, index, self.mesh.shards()) == self.id;
        is_own.then_some(PartitionId {
            topic_id: topic.id,
            index,
        })
    }

    /// Opens a partition that is new, or gives one that is open its settings.
    fn take_settings(self: &Rc<Self>, topic: &Arc<Topic>, id: PartitionId) {
        match self.partitions.get(id) {
            Some(Slot::Offline) => {}
            Some(Slot::Online(partition)) => {
                let config = self.topic_config(topic);
                partition.set_config(Rc::clone(&config), log_config(topic, &config));
                partition.take_role(self.standing(topic, id.index));
            }
            None => {
                let directory = partition_directory(&self.config.data_dir, &topic.name, id.index);
                let config = self.topic_config(topic);
                let log = Log::create(
                    self.io.clone(),
                    directory,
                    log_config(topic, &config),
                    self.logs.clone(),
                );
                self.enter(topic, id, log, PartitionState::default());
            }
        }
    }

    pub(super) fn enter(
        &self,
        topic: &Topic,
        id: PartitionId,
        log: Log<naru_runtime::Handle>,
        state: PartitionState,
    ) {
        let partition = Partition::open(
            &self.io,
            id,
            Rc::from(&*topic.name),
            log,
            state,
            self.standing(topic, id.index),
            self.topic_config(topic),
        );
        self.partitions.insert(id, Slot::Online(partition));
    }

    /// What this broker is to a partition by the topic's own account.
    fn standing(&self, topic: &Topic, index: i32) -> Standing {
        let placed = topic.partition(index);
        let is_leader = placed.is_some_and(|placed| placed.leader == self.config.node_id);
        Standing {
            role: if is_leader {
                Role::Leader
            } else {
                Role::Follower
            },
            leader_epoch: placed.map_or(0, |placed| placed.leader_epoch),
        }
    }
}
