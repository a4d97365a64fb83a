//! Offsets that go because somebody says so: OffsetDelete (KIP-496), DeleteGroups, a topic that
//! is deleted. What is under way to the log goes, too: its tombstone is after it.

use uuid::Uuid;

use crate::group::coordinator::{Coordinator, Effect, Waiting};
use crate::group::messages::PartitionsOfTopic;
use crate::group::records::OffsetsRecord;
use crate::group::{GroupError, records};

impl<R> Coordinator<R> {
    /// One outcome for each partition, in the order of the request. A partition without an offset
    /// is no error.
    pub fn delete_offsets(
        &mut self,
        group_id: &str,
        wanted: &[PartitionsOfTopic],
        reply: R,
    ) -> Vec<Effect<R>> {
        if let Err(error) = self.may_delete_offsets(group_id) {
            self.effects.push(Effect::OffsetsDeleted(reply, Err(error)));
            return self.take_effects();
        }
        let mut outcomes = Vec::new();
        let mut tombstones = Vec::new();
        for topic in wanted {
            let is_subscribed = self
                .groups
                .get(group_id)
                .is_some_and(|group| group.is_subscribed_to(&topic.topic));
            for partition in &topic.partitions {
                if is_subscribed {
                    outcomes.push(Err(GroupError::GroupSubscribedToTopic));
                    continue;
                }
                outcomes.push(Ok(()));
                if self.forget_offset(group_id, &topic.topic, *partition) {
                    let tombstone = records::offset_tombstone(group_id, &topic.topic, *partition);
                    tombstones.push(tombstone);
                }
            }
        }
        if tombstones.is_empty() {
            self.effects
                .push(Effect::OffsetsDeleted(reply, Ok(outcomes)));
        } else {
            self.append(tombstones, Waiting::OffsetsDeleted { reply, outcomes });
        }
        self.take_effects()
    }

    fn may_delete_offsets(&self, group_id: &str) -> Result<(), GroupError> {
        if group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let group = self.groups.get(group_id);
        let group = group.ok_or(GroupError::GroupIdNotFound)?;
        if group.is_without_members() || group.is_of_consumers() {
            Ok(())
        } else {
            // Nobody knows what the members of another protocol are about.
            Err(GroupError::NonEmptyGroup)
        }
    }

    /// Takes out what a group has for a partition, also what is under way. True if anything.
    fn forget_offset(&mut self, group_id: &str, topic: &str, partition: i32) -> bool {
        let group = self.groups.get_mut(group_id);
        let mut was_there = group.is_some_and(|group| group.offsets.remove(topic, partition));
        for waiting in self.waiting.values_mut() {
            if let Waiting::Commit(commit) = waiting
                && commit.group_id == group_id
            {
                let before = commit.offsets.len();
                commit
                    .offsets
                    .retain(|one| one.offset.partition != partition || one.offset.topic != topic);
                was_there |= commit.offsets.len() < before;
            }
        }
        was_there
    }

    /// Takes a group's offsets out with it, and gives their tombstones.
    pub(in crate::group) fn bury_offsets(&mut self, group_id: &str) -> Vec<OffsetsRecord> {
        let Some(group) = self.groups.get(group_id) else {
            return Vec::new();
        };
        let mut tombstones: Vec<OffsetsRecord> = group
            .offsets
            .keys()
            .map(|(topic, partition)| records::offset_tombstone(group_id, topic, partition))
            .collect();
        // Commits under way are in the log before these tombstones. Without one of their
        // own, a restart would bring them back; and a new group of this name is not theirs.
        for waiting in self.waiting.values_mut() {
            if let Waiting::Commit(commit) = waiting
                && commit.group_id == group_id
            {
                tombstones.extend(commit.offsets.iter().map(|one| {
                    records::offset_tombstone(group_id, &one.offset.topic, one.offset.partition)
                }));
                // No group has the empty id: whoever committed is answered, nothing is kept.
                commit.group_id.clear();
            }
        }
        tombstones
    }

    /// A topic is gone, and what was committed for it.
    pub fn forget_topic(&mut self, topic: &str, topic_id: Uuid) -> Vec<Effect<R>> {
        let mut tombstones: Vec<OffsetsRecord> = Vec::new();
        for (group_id, group) in &mut self.groups {
            for partition in group.offsets.partitions_of(topic, topic_id) {
                group.offsets.remove(topic, partition);
                tombstones.push(records::offset_tombstone(group_id, topic, partition));
            }
        }
        // Commits under way are in the log already; nothing of them is kept either.
        for waiting in self.waiting.values_mut() {
            if let Waiting::Commit(commit) = waiting {
                let group_id = &commit.group_id;
                commit.offsets.retain(|one| {
                    let stays = one.offset.topic != topic || !one.offset.is_of(topic_id);
                    if !stays {
                        let partition = one.offset.partition;
                        tombstones.push(records::offset_tombstone(group_id, topic, partition));
                    }
                    stays
                });
            }
        }
        if !tombstones.is_empty() {
            self.append(tombstones, Waiting::Nothing);
        }
        self.take_effects()
    }

    /// Forgets what was committed for topics that are not there any more: they were deleted while
    /// nobody could be told.
    pub fn forget_missing_topics(
        &mut self,
        is_there: impl Fn(&str, Uuid) -> bool,
    ) -> Vec<Effect<R>> {
        let mut tombstones: Vec<OffsetsRecord> = Vec::new();
        for (group_id, group) in &mut self.groups {
            group.offsets.remove_committed_if(
                |topic, committed| !is_there(topic, committed.topic_id),
                |topic, partition| {
                    tombstones.push(records::offset_tombstone(group_id, topic, partition));
                },
            );
        }
        if !tombstones.is_empty() {
            self.append(tombstones, Waiting::Nothing);
        }
        self.take_effects()
    }
}
