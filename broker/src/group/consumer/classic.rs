//! Members of the classic protocol in a KIP-848 group: their JoinGroup, SyncGroup and Heartbeat,
//! with the member's epoch as the generation. Nobody leads; the coordinator assigns, and the
//! embedded protocol carries what it assigned.

use bytes::Bytes;

use super::super::GroupError;
use super::super::messages::{
    HeartbeatRequest, JoinRequest, JoinResponse, SyncRequest, SyncResponse,
};
use super::super::records::consumer::{ClassicMember, MemberState, MemberValue};
use super::change::{Records, Surroundings};
use super::group::ConsumerGroup;
use super::member::{ConsumerMember, without_epochs};
use super::protocol::{CONSUMER, Subscription, encode_assignment};

impl ConsumerGroup {
    /// JoinGroup of a member that has an id. What is refused has changed nothing.
    pub(super) fn classic_join(
        &mut self,
        around: Surroundings<'_>,
        request: &JoinRequest,
        id: &str,
    ) -> Result<(Records, JoinResponse), GroupError> {
        let subscription = self.may_join(around, request, id)?;
        let replaced = self.replaced_by(request, id)?;
        let after = MemberValue {
            instance_id: request.instance_id.clone(),
            rack_id: subscription.rack.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            topic_names: subscription.topics.iter().cloned().collect(),
            // Classic members match expressions themselves.
            topic_regex: Some(String::new()),
            rebalance_timeout_ms: request.rebalance_timeout_ms,
            server_assignor: None,
            classic: Some(ClassicMember {
                session_timeout_ms: request.session_timeout_ms,
                protocols: request.protocols.clone(),
            }),
        };
        let mut records = Records::new();
        if let Some(replaced) = &replaced {
            self.replace(replaced, id, &mut records);
        }
        let is_changed = self.subscribe(around, id, after, &mut records);
        self.bump_epoch(around, is_changed, &mut records);
        self.update_target(around, &mut records);
        let owned = subscription.owned_partitions(around.topics);
        self.reconcile(around, id, Some(&owned), &mut records);

        let rebalance_ms = i64::from(request.rebalance_timeout_ms);
        let Some(member) = self.members.get_mut(id) else {
            return Err(GroupError::UnknownMemberId);
        };
        member.alive(around.now, around.config);
        // It is to ask for its assignment within this.
        member.timers.classic_ms = Some(around.now.steady_ms + rebalance_ms);
        let response = JoinResponse {
            error: None,
            generation: member.current.epoch,
            protocol_type: Some(CONSUMER.to_owned()),
            protocol: request.protocols.first().map(|(name, _)| name.clone()),
            leader: String::new(),
            skip_assignment: false,
            member_id: id.to_owned(),
            members: Vec::new(),
        };
        Ok((records, response))
    }

    pub(super) fn may_join(
        &self,
        around: Surroundings<'_>,
        request: &JoinRequest,
        id: &str,
    ) -> Result<Subscription, GroupError> {
        if self.members.len() >= around.config.members_max && !self.members.contains_key(id) {
            return Err(GroupError::GroupMaxSizeReached);
        }
        let is_own = |other: &str, member: &ConsumerMember| {
            let instance_id = &member.metadata().instance_id;
            other == id || instance_id.is_some() && *instance_id == request.instance_id
        };
        // What all other members of the classic protocol support, as in a classic group.
        let others: Vec<&ClassicMember> = self
            .members
            .iter()
            .filter(|(other, member)| !is_own(other, member))
            .filter_map(|(_, member)| member.metadata().classic.as_ref())
            .collect();
        let supports = |other: &&ClassicMember, name: &String| {
            other.protocols.iter().any(|(own, _)| own == name)
        };
        let mut names = request.protocols.iter().map(|(name, _)| name);
        let is_supported = |name| others.iter().all(|other| supports(other, name));
        if request.protocol_type != CONSUMER || !names.any(is_supported) {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        let metadata = request.protocols.first().map(|(_, metadata)| metadata);
        let metadata = metadata.cloned().unwrap_or_default();
        Subscription::decode(&metadata).map_err(|_| GroupError::InconsistentGroupProtocol)
    }

    /// The id under which a static member was known that joins under another.
    fn replaced_by(&self, request: &JoinRequest, id: &str) -> Result<Option<String>, GroupError> {
        let instance_id = request.instance_id.as_ref();
        let known = instance_id.and_then(|instance_id| self.instances.get(instance_id));
        match known {
            Some(known) if known == id => Ok(None),
            // Without an id of its own it is the same member that was started again.
            Some(known) if request.member_id.is_empty() => Ok(Some(known.clone())),
            Some(_) => Err(GroupError::FencedInstanceId),
            None if instance_id.is_some() && !request.member_id.is_empty() => {
                Err(GroupError::UnknownMemberId)
            }
            None => Ok(None),
        }
    }

    pub(super) fn classic_sync(
        &mut self,
        around: Surroundings<'_>,
        request: &SyncRequest,
    ) -> Result<SyncResponse, GroupError> {
        let group_epoch = self.epoch;
        let member = self.classic_member(&request.member_id, request.instance_id.as_deref())?;
        check_generation(member, request.generation)?;
        let Some(classic) = &member.metadata().classic else {
            return Err(GroupError::UnknownMemberId);
        };
        let (protocol, metadata) = classic.protocols.first().cloned().unwrap_or_default();
        let differs =
            |asked: &Option<String>, own: &str| asked.as_deref().is_some_and(|asked| asked != own);
        if differs(&request.protocol_type, CONSUMER) || differs(&request.protocol, &protocol) {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        // Who has partitions to give back has joined for this epoch, and gives them back first.
        let has_to_revoke = member.current.state == MemberState::UnrevokedPartitions;
        if group_epoch > member.current.epoch && !has_to_revoke {
            member.must_join(around);
            return Err(GroupError::RebalanceInProgress);
        }
        member.timers.classic_ms = None;
        member.alive(around.now, around.config);
        Ok(SyncResponse {
            error: None,
            protocol_type: Some(CONSUMER.to_owned()),
            assignment: classic_assignment(around, &metadata, member),
            protocol: Some(protocol),
        })
    }

    pub(super) fn classic_heartbeat(
        &mut self,
        around: Surroundings<'_>,
        request: &HeartbeatRequest,
    ) -> Result<(), GroupError> {
        let group_epoch = self.epoch;
        let id = &request.member_id;
        let can_go_on = self.has_released_partitions(id);
        let member = self.classic_member(id, request.instance_id.as_deref())?;
        check_generation(member, request.generation)?;
        member.alive(around.now, around.config);
        let must_join = member.current.epoch < group_epoch
            || match member.current.state {
                MemberState::Stable => false,
                MemberState::UnreleasedPartitions => can_go_on,
                MemberState::UnrevokedPartitions | MemberState::Unknown(_) => true,
            };
        if must_join {
            member.must_join(around);
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// Whether a partition of the member's target has become free.
    fn has_released_partitions(&self, id: &str) -> bool {
        let Some(member) = self.members.get(id) else {
            return false;
        };
        let target = self.target.get(id).into_iter().flatten();
        let mut partitions =
            target.flat_map(|(topic, indexes)| indexes.iter().map(move |index| (*topic, *index)));
        let has = |(topic, index): &(uuid::Uuid, i32)| {
            let epochs = member.current.assigned.get(topic);
            epochs.is_some_and(|epochs| epochs.contains_key(index))
        };
        partitions.any(|partition| !has(&partition) && !self.owners.contains_key(&partition))
    }

    /// The member of the classic protocol that a request is from.
    fn classic_member(
        &mut self,
        id: &str,
        instance_id: Option<&str>,
    ) -> Result<&mut ConsumerMember, GroupError> {
        self.leaving(id, instance_id)?;
        let member = self.members.get_mut(id);
        let member = member.filter(|member| member.is_classic());
        member.ok_or(GroupError::UnknownMemberId)
    }

    /// The member that a LeaveGroup means, by its id or, without one, by its instance's.
    pub(super) fn classic_leaving(
        &self,
        id: &str,
        instance_id: Option<&str>,
    ) -> Result<String, GroupError> {
        let named = instance_id.filter(|_| id.is_empty());
        let known = named.and_then(|instance_id| self.instances.get(instance_id));
        let id = known.map_or(id, String::as_str);
        self.leaving(id, instance_id)?;
        let member = self.members.get(id);
        if member.is_some_and(ConsumerMember::is_classic) {
            Ok(id.to_owned())
        } else {
            Err(GroupError::UnknownMemberId)
        }
    }
}

impl ConsumerMember {
    /// It is told to join again, and has its rebalance timeout to do so from the first time on.
    fn must_join(&mut self, around: Surroundings<'_>) {
        let timeout_ms = i64::from(self.metadata().rebalance_timeout_ms);
        let deadline_ms = around.now.steady_ms + timeout_ms;
        self.timers.classic_ms.get_or_insert(deadline_ms);
    }
}

fn check_generation(member: &ConsumerMember, generation: i32) -> Result<(), GroupError> {
    if generation != member.current.epoch {
        return Err(GroupError::IllegalGeneration);
    }
    Ok(())
}

/// What a classic member has, as it reads it.
pub(super) fn classic_assignment(
    around: Surroundings<'_>,
    metadata: &Bytes,
    member: &ConsumerMember,
) -> Bytes {
    let version = Subscription::decode(metadata).map_or(0, |subscription| subscription.version);
    let assigned = without_epochs(&member.current.assigned);
    encode_assignment(version, &assigned, around.topics)
}
