//! JoinGroup: who is in the next generation.

use super::coordinator::{Coordinator, Effect, Waiting};
use super::member::Member;
use super::messages::{JoinRequest, JoinResponse, SyncResponse};
use super::state::{Group, State};
use super::{GroupError, Now, records};

impl<R> Coordinator<R> {
    pub fn join(&mut self, now: Now, request: JoinRequest, reply: R) -> Vec<Effect<R>> {
        let refused = match self.join_consumer(now, &request, reply) {
            Ok(()) => None,
            Err(reply) => self.try_join(now, &request, reply).err(),
        };
        if let Some((error, reply)) = refused {
            let response = JoinResponse::error(error, request.member_id.clone());
            self.effects.push(Effect::Joined(reply, response));
        }
        self.forget_if_useless(&request.group_id);
        self.deadlines.enter(&request.group_id, &mut self.groups);
        self.take_effects()
    }

    fn try_join(
        &mut self,
        now: Now,
        request: &JoinRequest,
        reply: R,
    ) -> Result<(), (GroupError, R)> {
        if let Err(error) = self.may_join(now, request) {
            return Err((error, reply));
        }
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return Err((GroupError::UnknownMemberId, reply));
        };
        if !request.member_id.is_empty() {
            return self.join_again(now, request, reply);
        }
        match &request.instance_id {
            Some(instance_id) if group.instances.contains_key(instance_id) => {
                self.replace_static(now, request, reply);
            }
            Some(instance_id) => {
                let id = self.new_member_id(instance_id);
                self.add(now, id, request, reply);
            }
            None => {
                let id = self.new_member_id(&request.client_id);
                if request.requires_known_member_id {
                    let until_ms = now.steady_ms + i64::from(request.session_timeout_ms);
                    if let Some(group) = self.groups.get_mut(&request.group_id) {
                        group.pending.insert(id.clone(), until_ms);
                    }
                    let response = JoinResponse::error(GroupError::MemberIdRequired, id);
                    self.effects.push(Effect::Joined(reply, response));
                } else {
                    self.add(now, id, request, reply);
                }
            }
        }
        Ok(())
    }

    /// What is checked before anything is changed but that the group exists.
    fn may_join(&mut self, now: Now, request: &JoinRequest) -> Result<(), GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let allowed = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        if !allowed.contains(&request.session_timeout_ms) {
            return Err(GroupError::InvalidSessionTimeout);
        }
        let members_max = self.config.members_max;
        let is_known = self.groups.contains_key(&request.group_id);
        if !is_known && !request.member_id.is_empty() {
            return Err(GroupError::UnknownMemberId);
        }
        let group = self
            .groups
            .entry(request.group_id.clone())
            .or_insert_with(|| Group::new(now.wall_ms));
        let own = match &request.instance_id {
            Some(instance_id) => group.instances.get(instance_id).map(String::as_str),
            None => Some(request.member_id.as_str()),
        };
        if !group.accepts(&request.protocol_type, &request.protocols, own) {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        let is_in = own.is_some_and(|id| group.members.contains_key(id))
            || group.pending.contains_key(&request.member_id);
        if !is_in && group.members.len() + group.pending.len() >= members_max {
            return Err(GroupError::GroupMaxSizeReached);
        }
        Ok(())
    }

    /// A member that has an id: one that got it a moment ago, or one that is in the group.
    fn join_again(
        &mut self,
        now: Now,
        request: &JoinRequest,
        reply: R,
    ) -> Result<(), (GroupError, R)> {
        let id = &request.member_id;
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return Err((GroupError::UnknownMemberId, reply));
        };
        if group.pending.remove(id).is_some() {
            self.add(now, id.clone(), request, reply);
            return Ok(());
        }
        let is_leader = group.is_leader(id);
        let state = group.state;
        let protocol = group.protocol.clone();
        let member = match group.member_of(id, request.instance_id.as_deref()) {
            Ok(member) => member,
            Err(error) => return Err((error, reply)),
        };
        let is_unchanged = member.protocols == request.protocols;
        let must_rebalance = match state {
            State::PreparingRebalance => true,
            // It may have missed the answer; what it would be told has not changed.
            State::CompletingRebalance => !is_unchanged,
            State::Stable => is_leader || !is_unchanged,
            State::Empty => return Err((GroupError::UnknownMemberId, reply)),
        };
        if !must_rebalance && protocol.is_some() {
            member.alive(now);
            let response = group.join_response(id);
            self.effects.push(Effect::Joined(reply, response));
            return Ok(());
        }
        member.update(request, now);
        let earlier = member.joining.replace(reply);
        if let Some(earlier) = earlier {
            let response = JoinResponse::error(GroupError::RebalanceInProgress, id.clone());
            self.effects.push(Effect::Joined(earlier, response));
        }
        self.rebalance(now, &request.group_id);
        Ok(())
    }

    fn add(&mut self, now: Now, id: String, request: &JoinRequest, reply: R) {
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return;
        };
        if group.members.is_empty() {
            group.protocol_type = Some(request.protocol_type.clone());
        }
        let mut member = Member::new(id.clone(), request, now);
        member.join_first(reply, now);
        group.has_new_member = true;
        group.leader.get_or_insert_with(|| id.clone());
        if let Some(instance_id) = &request.instance_id {
            group.instances.insert(instance_id.clone(), id.clone());
        }
        group.members.insert(id, member);
        self.rebalance(now, &request.group_id);
    }

    /// A static member that comes back without its id: it gets a new one, and whoever
    /// still uses the old one is fenced (KIP-345).
    fn replace_static(&mut self, now: Now, request: &JoinRequest, reply: R) {
        let prefix = request.instance_id.clone().unwrap_or_default();
        let id = self.new_member_id(&prefix);
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return;
        };
        let Some(old_id) = group.instances.insert(prefix, id.clone()) else {
            return;
        };
        let Some(mut member) = group.members.remove(&old_id) else {
            return;
        };
        let old_leader = group.leader.clone();
        let was_leader = group.is_leader(&old_id);
        if was_leader {
            group.leader = Some(id.clone());
        }
        if let Some(fenced) = member.joining.take() {
            let response = JoinResponse::error(GroupError::FencedInstanceId, old_id.clone());
            self.effects.push(Effect::Joined(fenced, response));
        }
        if let Some(fenced) = member.syncing.take() {
            let response = SyncResponse::error(GroupError::FencedInstanceId);
            self.effects.push(Effect::Synced(fenced, response));
        }
        let is_unchanged = member.protocols == request.protocols;
        member.id.clone_from(&id);
        member.update(request, now);
        if group.state != State::Stable || !is_unchanged {
            member.joining = Some(reply);
            group.members.insert(id, member);
            self.rebalance(now, &request.group_id);
            return;
        }
        // Nothing changed but the id: the generation goes on.
        group.members.insert(id.clone(), member);
        let mut response = group.join_response(&id);
        if was_leader {
            if request.supports_skipping_assignment {
                response.skip_assignment = true;
            } else {
                // Older clients would assign anew; they are told that another leads.
                response.leader = old_leader.unwrap_or_default();
                response.members.clear();
            }
        }
        let record = records::group_record(&request.group_id, group, now.wall_ms);
        self.append(vec![record], Waiting::Joined { reply, response });
    }
}
