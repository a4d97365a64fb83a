//! From the log back to the groups.

use super::consumer::ConsumerGroup;
use super::coordinator::Coordinator;
use super::member::Member;
use super::messages::JoinRequest;
use super::offsets::StoredOffset;
use super::records::consumer::ConsumerRecord;
use super::records::{self, GroupValue, Key};
use super::state::{Group, State};
use super::{Now, TransactionOutcome};
use crate::record_codec::RecordError;

impl<R> Coordinator<R> {
    /// Takes one record of the log, in order; `producer_id` is that of a transactional batch.
    /// `None` as value is a tombstone. What compaction took out is not missed.
    pub fn replay(
        &mut self,
        record_offset: i64,
        producer_id: Option<i64>,
        key: &[u8],
        value: Option<&[u8]>,
    ) -> Result<(), RecordError> {
        match Key::decode(key)? {
            Key::Offset {
                group_id,
                topic,
                partition,
            } => {
                let Some(value) = value else {
                    if let Some(group) = self.groups.get_mut(&group_id) {
                        group.offsets.remove(&topic, partition);
                    }
                    return Ok(());
                };
                let stored = StoredOffset {
                    committed: records::decode_offset_value(value)?,
                    record_offset,
                };
                let group = self.groups.entry(group_id.clone());
                let group = group.or_insert_with(|| Group::new(0));
                match producer_id {
                    None => group.offsets.commit(&topic, partition, stored),
                    Some(id) => self.hold(id, &group_id, &topic, partition, stored),
                }
            }
            Key::Group { group_id } => match value {
                Some(value) => {
                    let value = GroupValue::decode(value)?;
                    self.restore(group_id, value);
                }
                None => {
                    // Its offsets were buried before it.
                    if let Some(group) = self.groups.get_mut(&group_id)
                        && group.consumer.is_none()
                    {
                        let offsets = std::mem::take(&mut group.offsets);
                        *group = Group::new(0);
                        group.offsets = offsets;
                    }
                }
            },
            Key::Consumer { group_id, key } => {
                let record = ConsumerRecord::decode(key, value)?;
                self.replay_consumer(group_id, &record);
            }
            // Keys of newer protocols are not ours to read (share and streams groups).
            Key::Other(_) => {}
        }
        Ok(())
    }

    /// Takes a marker of the log, in order.
    pub fn replay_marker(
        &mut self,
        marker_offset: i64,
        producer_id: i64,
        outcome: TransactionOutcome,
    ) {
        // Groups that have nothing left may get members yet: they are looked at in the end.
        self.end_transaction(producer_id, outcome, marker_offset);
    }

    /// What a group is, its newest records say: those of the classic protocol make it a classic
    /// one.
    fn replay_consumer(&mut self, group_id: String, record: &ConsumerRecord) {
        if matches!(record, ConsumerRecord::Group(None)) {
            if let Some(group) = self.groups.get_mut(&group_id) {
                group.consumer = None;
            }
            return;
        }
        let entry = self.groups.entry(group_id).or_insert_with(|| Group::new(0));
        if entry.consumer.is_none() {
            if record.is_tombstone() {
                return;
            }
            entry.become_consumer(ConsumerGroup::default());
        }
        if let Some(consumer) = &mut entry.consumer {
            consumer.apply(record);
        }
    }

    fn restore(&mut self, group_id: String, value: GroupValue) {
        let entry = self.groups.entry(group_id).or_insert_with(|| Group::new(0));
        let mut group = Group::new(value.state_since_ms);
        group.offsets = std::mem::take(&mut entry.offsets);
        group.generation = value.generation;
        group.protocol_type = Some(value.protocol_type.clone());
        group.protocol.clone_from(&value.protocol);
        group.leader = value.leader;
        for kept in value.members {
            let request = JoinRequest {
                instance_id: kept.instance_id.clone(),
                client_id: kept.client_id,
                client_host: kept.client_host,
                session_timeout_ms: kept.session_timeout_ms,
                rebalance_timeout_ms: kept.rebalance_timeout_ms,
                protocols: vec![(
                    value.protocol.clone().unwrap_or_default(),
                    kept.subscription,
                )],
                ..JoinRequest::default()
            };
            let mut member = Member::new(kept.member_id.clone(), &request, Now::default());
            member.assignment = kept.assignment;
            member.has_synced = true;
            if let Some(instance_id) = kept.instance_id {
                group.instances.insert(instance_id, kept.member_id.clone());
            }
            group.members.insert(kept.member_id, member);
        }
        if !group.members.is_empty() {
            group.state = State::Stable;
        }
        *entry = group;
    }

    /// The log is read: members have a session's time from now to show that they live.
    pub fn loaded(&mut self, now: Now) {
        for group in self.groups.values_mut() {
            for member in group.members.values_mut() {
                member.alive(now);
            }
        }
        let ids: Vec<String> = self.groups.keys().cloned().collect();
        for id in ids {
            self.consumer_loaded(now, &id);
            self.forget_if_useless(&id);
            self.deadlines.enter(&id, &mut self.groups);
        }
    }
}
