//! From the log back to the groups.

use super::Now;
use super::coordinator::Coordinator;
use super::member::Member;
use super::messages::JoinRequest;
use super::records::{self, GroupValue, Key, RecordError};
use super::state::{Group, State};

impl<R> Coordinator<R> {
    /// Takes one record of the log, in order. `None` as value is a tombstone.
    pub fn replay(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), RecordError> {
        match Key::decode(key)? {
            Key::Offset {
                group_id,
                topic,
                partition,
            } => {
                let group = self.groups.entry(group_id).or_insert_with(|| Group::new(0));
                match value {
                    Some(value) => {
                        let committed = records::decode_offset_value(value)?;
                        group.offsets.insert((topic, partition), committed);
                    }
                    None => {
                        group.offsets.remove(&(topic, partition));
                    }
                }
            }
            Key::Group { group_id } => match value {
                Some(value) => {
                    let value = GroupValue::decode(value)?;
                    self.restore(group_id, value);
                }
                None => {
                    // Its offsets were buried before it.
                    if let Some(group) = self.groups.get_mut(&group_id) {
                        let offsets = std::mem::take(&mut group.offsets);
                        *group = Group::new(0);
                        group.offsets = offsets;
                    }
                }
            },
            // Keys of newer protocols are not ours to read (KIP-848 and later).
            Key::Other(_) => {}
        }
        Ok(())
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
            self.forget_if_useless(&id);
            self.deadlines.enter(&id, &mut self.groups);
        }
    }
}
