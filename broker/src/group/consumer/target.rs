//! The target assignment: made anew when the group's epoch is past the one it was made for.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::super::records::consumer::{ConsumerRecord, Partitions};
use super::assignors::{MemberSpec, Spec};
use super::change::{Records, Surroundings};
use super::group::ConsumerGroup;

impl ConsumerGroup {
    /// Makes a new target if the group needs one and the last is old enough.
    pub(super) fn update_target(&mut self, around: Surroundings<'_>, records: &mut Records) {
        if self.epoch <= self.assignment_epoch {
            return;
        }
        let age_ms = around.now.wall_ms - self.assigned_ms;
        // A clock that was set back does not hold the group up.
        if (0..around.config.assignment_interval_ms).contains(&age_ms) {
            return;
        }
        for (id, partitions) in self.new_target(around) {
            if self.target.get(&id) != Some(&partitions) {
                self.change(ConsumerRecord::Target(id, Some(partitions)), records);
            }
        }
        self.set_assignment_epoch(around.now.wall_ms, records);
    }

    fn new_target(&self, around: Surroundings<'_>) -> BTreeMap<String, Partitions> {
        let mut counts = BTreeMap::new();
        for topic in self.all_subscribed_names() {
            if let Some(topic) = around.topics.named(topic) {
                counts.insert(topic.id, topic.partitions);
            }
        }
        let nothing = Partitions::new();
        // Most members share their subscription: what it comes to is looked up once.
        let mut known: BTreeMap<(&BTreeSet<String>, Option<&str>), BTreeSet<Uuid>> =
            BTreeMap::new();
        let members = self.members.iter().map(|(id, member)| {
            let metadata = member.metadata();
            let topics = known
                .entry((&metadata.topic_names, metadata.regex()))
                .or_insert_with(|| self.subscribed_ids(metadata, around.topics));
            let spec = MemberSpec {
                instance_id: metadata.instance_id.as_deref(),
                topics: topics.clone(),
                target: self.target.get(id).unwrap_or(&nothing),
            };
            (id.as_str(), spec)
        });
        let spec = Spec {
            members: members.collect(),
            topics: counts,
        };
        self.assignor(around.config).assign(&spec)
    }
}
