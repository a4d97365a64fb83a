//! A classic group becomes a KIP-848 group, because a member of that protocol joins it.

use super::super::GroupError;
use super::super::coordinator::{Coordinator, Effect};
use super::super::messages::{JoinResponse, SyncResponse};
use super::super::records::consumer::{
    ClassicMember, ConsumerRecord, CurrentValue, GroupValue, MemberValue, TargetEpochValue,
};
use super::super::state::Group;
use super::change::{Records, Surroundings};
use super::config::ConsumerConfig;
use super::group::{ConsumerGroup, NEW_GROUP_EPOCH};
use super::protocol::{Assignment, CONSUMER, Subscription};
use super::topics::metadata_hash;

impl ConsumerGroup {
    /// The same members with the same partitions, in the epoch of the classic generation. The
    /// member who joins begins a new one.
    pub(super) fn from_classic<R>(
        around: Surroundings<'_>,
        classic: &Group<R>,
    ) -> Result<(Self, Records), GroupError> {
        may_upgrade(around.config, classic)?;
        let epoch = classic.generation.max(NEW_GROUP_EPOCH);
        let mut group = Self::default();
        let (mut members, mut targets, mut currents) = (Vec::new(), Vec::new(), Vec::new());
        for (id, member) in &classic.members {
            let protocol = classic.protocol.as_deref();
            let mut protocols = member.protocols.iter();
            let chosen = protocols.find(|(name, _)| Some(name.as_str()) == protocol);
            let chosen = chosen.or_else(|| member.protocols.first());
            let metadata = chosen
                .map(|(_, metadata)| &metadata[..])
                .unwrap_or_default();
            // What cannot be read cannot be assigned to.
            let unreadable = |_| GroupError::GroupIdNotFound;
            let subscription = Subscription::decode(metadata).map_err(unreadable)?;
            let assignment = Assignment::decode(&member.assignment).map_err(unreadable)?;
            if assignment.has_user_data {
                // An assignor of the application's own put it there, and would miss it.
                return Err(GroupError::GroupIdNotFound);
            }
            let mut partitions = assignment.partitions(around.topics);
            for (topic, indexes) in &mut partitions {
                // A leader may err; a partition has one owner all the same.
                indexes.retain(|index| !group.owners.contains_key(&(*topic, *index)));
            }
            partitions.retain(|_, indexes| !indexes.is_empty());
            let with_epoch = |(topic, indexes): (_, &std::collections::BTreeSet<i32>)| {
                (topic, indexes.iter().map(|index| (*index, epoch)).collect())
            };
            let current = CurrentValue {
                epoch,
                previous_epoch: epoch,
                assigned: partitions
                    .iter()
                    .map(|(id, i)| with_epoch((*id, i)))
                    .collect(),
                ..CurrentValue::default()
            };
            let value = MemberValue {
                instance_id: member.instance_id.clone(),
                rack_id: subscription.rack,
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                topic_names: subscription.topics.into_iter().collect(),
                topic_regex: Some(String::new()),
                rebalance_timeout_ms: member.rebalance_timeout_ms,
                server_assignor: None,
                classic: Some(ClassicMember {
                    session_timeout_ms: member.session_timeout_ms,
                    protocols: member.protocols.clone(),
                }),
            };
            for record in [
                ConsumerRecord::Member(id.clone(), Some(value)),
                ConsumerRecord::Target(id.clone(), Some(partitions)),
                ConsumerRecord::Current(id.clone(), Some(current)),
            ] {
                group.apply(&record);
                match record {
                    ConsumerRecord::Member(..) => members.push(record),
                    ConsumerRecord::Target(..) => targets.push(record),
                    _ => currents.push(record),
                }
            }
            if let Some(member) = group.members.get_mut(id) {
                member.alive(around.now, around.config);
            }
        }
        let hash = metadata_hash(&group.all_subscribed_names(), around.topics);
        let epochs = ConsumerRecord::Group(Some(GroupValue {
            epoch,
            metadata_hash: hash,
        }));
        let target_epoch = ConsumerRecord::TargetEpoch(Some(TargetEpochValue {
            epoch,
            timestamp_ms: 0,
        }));
        group.apply(&epochs);
        group.apply(&target_epoch);
        let mut records = members;
        records.push(epochs);
        records.extend(targets);
        records.push(target_epoch);
        records.extend(currents);
        Ok((group, records))
    }
}

fn may_upgrade<R>(config: &ConsumerConfig, classic: &Group<R>) -> Result<(), GroupError> {
    let is_allowed = config.migration_policy.upgrade
        && classic.protocol_type.as_deref() == Some(CONSUMER)
        && classic.members.len() <= config.members_max;
    if is_allowed {
        Ok(())
    } else {
        Err(GroupError::GroupIdNotFound)
    }
}

impl<R> Coordinator<R> {
    /// The group is of the new protocol from here on: who waits in it for the classic one is told
    /// to join again.
    pub(super) fn install_consumer(&mut self, group_id: &str, consumer: ConsumerGroup) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        for (id, member) in &mut group.members {
            if let Some(reply) = member.joining.take() {
                let response = JoinResponse::error(GroupError::RebalanceInProgress, id.clone());
                self.effects.push(Effect::Joined(reply, response));
            }
            if let Some(reply) = member.syncing.take() {
                let response = SyncResponse::error(GroupError::RebalanceInProgress);
                self.effects.push(Effect::Synced(reply, response));
            }
        }
        group.become_consumer(consumer);
    }
}
