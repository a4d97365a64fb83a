//! What tools ask about groups.

use bytes::Bytes;

use super::consumer::CONSUMER;
use super::coordinator::Coordinator;
use super::messages::{DescribedMember, Description, Listed};
use super::state::State;

impl<R> Coordinator<R> {
    /// A classic group, or `None` if there is none.
    pub fn describe(&self, group_id: &str) -> Option<Description> {
        let group = self.groups.get(group_id)?;
        if group.consumer.is_some() {
            return None;
        }
        let is_stable = group.state == State::Stable;
        let protocol = group.protocol.clone().filter(|_| is_stable);
        let protocol = protocol.unwrap_or_default();
        let members = group.members.values().map(|member| DescribedMember {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: if is_stable {
                member.metadata(&protocol)
            } else {
                Bytes::new()
            },
            assignment: member.assignment.clone(),
        });
        Some(Description {
            state: group.state.name(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            members: members.collect(),
            protocol,
        })
    }

    /// A group of either protocol, with what both know of their members: neither metadata nor
    /// assignments.
    pub fn overview(&self, group_id: &str) -> Option<Description> {
        if let Some(group) = self.describe(group_id) {
            return Some(group);
        }
        let group = self.describe_consumer(group_id)?;
        let members = group.members.into_iter().map(|member| DescribedMember {
            member_id: member.member_id,
            instance_id: member.instance_id,
            client_id: member.client_id,
            client_host: member.client_host,
            metadata: Bytes::new(),
            assignment: Bytes::new(),
        });
        Some(Description {
            state: group.state,
            protocol_type: CONSUMER.to_owned(),
            protocol: group.assignor.to_owned(),
            members: members.collect(),
        })
    }

    /// Whether there is a group of that name, of either protocol.
    pub fn contains(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    pub fn list(&self) -> Vec<Listed> {
        let groups = self.groups.iter().map(|(group_id, group)| Listed {
            group_id: group_id.clone(),
            protocol_type: match &group.consumer {
                Some(_) => CONSUMER.to_owned(),
                None => group.protocol_type.clone().unwrap_or_default(),
            },
            group_type: match &group.consumer {
                Some(_) => "consumer",
                None => "classic",
            },
            state: group.state_name(),
        });
        groups.collect()
    }
}
