//! What tools ask about KIP-848 groups.

use super::super::coordinator::Coordinator;
use super::config::ConsumerConfig;
use super::group::ConsumerGroup;
use super::member::without_epochs;
use super::messages::{ConsumerDescription, ConsumerMemberDescription};

impl ConsumerGroup {
    fn describe(&self, config: &ConsumerConfig) -> ConsumerDescription {
        let members = self.members.iter().map(|(id, member)| {
            let metadata = member.metadata();
            // What it has to give back is still its own (KAFKA-20431).
            let mut assigned = without_epochs(&member.current.assigned);
            for (topic, indexes) in without_epochs(&member.current.pending_revocation) {
                assigned.entry(topic).or_default().extend(indexes);
            }
            ConsumerMemberDescription {
                member_id: id.clone(),
                instance_id: metadata.instance_id.clone(),
                rack_id: metadata.rack_id.clone(),
                epoch: member.current.epoch,
                client_id: metadata.client_id.clone(),
                client_host: metadata.client_host.clone(),
                topic_names: metadata.topic_names.iter().cloned().collect(),
                topic_regex: metadata.topic_regex.clone(),
                assigned,
                target: self.target_of(id),
                is_classic: member.is_classic(),
            }
        });
        ConsumerDescription {
            state: self.state(),
            epoch: self.epoch,
            assignment_epoch: self.assignment_epoch,
            assignor: self.assignor(config).name(),
            members: members.collect(),
        }
    }
}

impl<R> Coordinator<R> {
    /// A KIP-848 group, or `None` if there is none of that name.
    pub fn describe_consumer(&self, group_id: &str) -> Option<ConsumerDescription> {
        let group = self.groups.get(group_id)?.consumer.as_deref()?;
        Some(group.describe(self.config.consumer_of(group_id)))
    }
}
