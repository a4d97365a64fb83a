//! A KIP-848 group becomes a classic one again, because its last member of that protocol is gone.

use super::super::Now;
use super::super::coordinator::{Coordinator, Waiting};
use super::super::member::Member;
use super::super::messages::JoinRequest;
use super::super::records::{self, OffsetsRecord};
use super::super::state::{Group, State};
use super::change::Surroundings;
use super::classic::classic_assignment;
use super::group::ConsumerGroup;
use super::protocol::CONSUMER;

impl ConsumerGroup {
    /// Whether the group can be a classic one once these are gone.
    pub(super) fn can_downgrade(
        &self,
        around: Surroundings<'_>,
        leaving: &[String],
        classic_members_max: usize,
    ) -> bool {
        let mut staying = self.members.iter().filter(|(id, _)| !leaving.contains(id));
        let count = staying.clone().count();
        around.config.migration_policy.downgrade
            && count > 0
            && count <= classic_members_max
            && staying.all(|(_, member)| member.is_classic())
    }
}

impl<R> Coordinator<R> {
    /// Makes the group a classic one, without these members, and has the others rebalance.
    pub(super) fn downgrade(&mut self, now: Now, group_id: &str, leaving: &[String]) {
        let topics = self.topics.clone();
        let around = Surroundings {
            now,
            config: &self.config.consumer,
            topics: &*topics,
            new_topics_version: self.new_topics_version,
        };
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let Some(consumer) = group.consumer.take() else {
            return;
        };
        let mut encoded: Vec<OffsetsRecord> = consumer.lost_tombstones();
        let tombstones = consumer.tombstones().into_iter();
        encoded.extend(tombstones.map(|record| record.encode(group_id)));
        become_classic(around, group, &consumer, leaving);
        encoded.push(records::group_record(group_id, group, now.wall_ms));
        self.append(encoded, Waiting::Nothing);
        self.rebalance(now, group_id);
    }
}

fn become_classic<R>(
    around: Surroundings<'_>,
    group: &mut Group<R>,
    consumer: &ConsumerGroup,
    leaving: &[String],
) {
    assert!(group.members.is_empty(), "a group has one protocol");
    for (id, from) in &consumer.members {
        let metadata = from.metadata();
        let Some(classic) = metadata.classic.as_ref().filter(|_| !leaving.contains(id)) else {
            continue;
        };
        let request = JoinRequest {
            instance_id: metadata.instance_id.clone(),
            client_id: metadata.client_id.clone(),
            client_host: metadata.client_host.clone(),
            session_timeout_ms: classic.session_timeout_ms,
            rebalance_timeout_ms: metadata.rebalance_timeout_ms,
            protocols: classic.protocols.clone(),
            ..JoinRequest::default()
        };
        let mut member = Member::new(id.clone(), &request, around.now);
        let first = classic.protocols.first();
        let subscription = first
            .map(|(_, metadata)| metadata.clone())
            .unwrap_or_default();
        member.assignment = classic_assignment(around, &subscription, from);
        member.has_synced = true;
        if let Some(instance_id) = &metadata.instance_id {
            group.instances.insert(instance_id.clone(), id.clone());
        }
        group.members.insert(id.clone(), member);
    }
    group.generation = consumer.epoch;
    group.protocol_type = Some(CONSUMER.to_owned());
    group.protocol = group.select_protocol();
    group.leader = group.members.keys().next().cloned();
    group.deadline_ms = None;
    group.enter(State::Stable, around.now);
}
