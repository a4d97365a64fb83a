//! What tools ask about groups.

use bytes::Bytes;

use super::coordinator::Coordinator;
use super::messages::{DescribedMember, Description, Listed};
use super::state::State;

impl<R> Coordinator<R> {
    /// A group, or `None` if there is none.
    pub fn describe(&self, group_id: &str) -> Option<Description> {
        let group = self.groups.get(group_id)?;
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

    pub fn list(&self) -> Vec<Listed> {
        let groups = self.groups.iter().map(|(group_id, group)| Listed {
            group_id: group_id.clone(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            state: group.state.name(),
        });
        groups.collect()
    }
}
