//! SyncGroup and Heartbeat: who gets what, and who is still there.

use std::collections::HashMap;

use bytes::Bytes;

use super::coordinator::{Coordinator, Effect, Waiting};
use super::messages::{HeartbeatRequest, SyncRequest, SyncResponse};
use super::state::{Group, State};
use super::{GroupError, Now, records};

impl<R> Coordinator<R> {
    pub fn sync(&mut self, now: Now, request: SyncRequest, reply: R) -> Vec<Effect<R>> {
        let reply = match self.sync_consumer(now, &request, reply) {
            Ok(()) => return self.take_effects(),
            Err(reply) => reply,
        };
        match self.check_sync(&request) {
            Err(error) => {
                let response = SyncResponse::error(error);
                self.effects.push(Effect::Synced(reply, response));
            }
            Ok(()) => {
                let group_id = request.group_id.clone();
                self.do_sync(now, request, reply);
                self.deadlines.enter(&group_id, &mut self.groups);
            }
        }
        self.take_effects()
    }

    fn check_sync(&mut self, request: &SyncRequest) -> Result<(), GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let group = self
            .groups
            .get_mut(&request.group_id)
            .ok_or(GroupError::UnknownMemberId)?;
        group.member_of(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != group.generation {
            return Err(GroupError::IllegalGeneration);
        }
        let differs = |asked: &Option<String>, own: &Option<String>| {
            asked.is_some() && own.is_some() && asked != own
        };
        if differs(&request.protocol_type, &group.protocol_type)
            || differs(&request.protocol, &group.protocol)
        {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        match group.state {
            State::Empty => Err(GroupError::UnknownMemberId),
            State::PreparingRebalance => Err(GroupError::RebalanceInProgress),
            State::CompletingRebalance | State::Stable => Ok(()),
        }
    }

    fn do_sync(&mut self, now: Now, request: SyncRequest, reply: R) {
        let Some(group) = self.groups.get_mut(&request.group_id) else {
            return;
        };
        let is_leader = group.is_leader(&request.member_id);
        let is_stable = group.state == State::Stable;
        let response = sync_response(group, &request.member_id);
        let Some(member) = group.members.get_mut(&request.member_id) else {
            return;
        };
        member.alive(now);
        member.has_synced = true;
        if is_stable {
            self.effects.push(Effect::Synced(reply, response));
            return;
        }
        if let Some(earlier) = member.syncing.replace(reply) {
            let response = SyncResponse::error(GroupError::RebalanceInProgress);
            self.effects.push(Effect::Synced(earlier, response));
        }
        if !is_leader || group.assignment_token.is_some() {
            return;
        }
        let assignments: HashMap<String, Bytes> = request
            .assignments
            .into_iter()
            .filter(|(id, _)| group.members.contains_key(id))
            .collect();
        let record = records::group_record_with(&request.group_id, group, now.wall_ms, |member| {
            assignments.get(&member.id).cloned().unwrap_or_default()
        });
        let generation = group.generation;
        let token = self.append(
            vec![record],
            Waiting::Assignment {
                group_id: request.group_id.clone(),
                generation,
                assignments,
            },
        );
        if let Some(group) = self.groups.get_mut(&request.group_id) {
            group.assignment_token = Some(token);
        }
    }

    /// The assignment is in the log, or could not be put there.
    pub(super) fn assignment_appended(
        &mut self,
        now: Now,
        group_id: &str,
        generation: i32,
        mut assignments: HashMap<String, Bytes>,
        outcome: Result<(), GroupError>,
    ) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        if group.state != State::CompletingRebalance || group.generation != generation {
            // A rebalance came in between; whoever synced was told so.
            return;
        }
        group.assignment_token = None;
        if let Err(error) = outcome {
            for member in group.members.values_mut() {
                if let Some(reply) = member.syncing.take() {
                    let response = SyncResponse::error(error);
                    self.effects.push(Effect::Synced(reply, response));
                }
            }
            return self.rebalance(now, group_id);
        }
        group.enter(State::Stable, now);
        group.deadline_ms = if group.members.values().all(|m| m.has_synced) {
            None
        } else {
            group.deadline_ms
        };
        for member in group.members.values_mut() {
            member.assignment = assignments.remove(&member.id).unwrap_or_default();
        }
        let ids: Vec<String> = group.members.keys().cloned().collect();
        for id in ids {
            let response = sync_response(group, &id);
            if let Some(member) = group.members.get_mut(&id)
                && let Some(reply) = member.syncing.take()
            {
                member.alive(now);
                self.effects.push(Effect::Synced(reply, response));
            }
        }
    }

    pub fn heartbeat(&mut self, now: Now, request: &HeartbeatRequest) -> Result<(), GroupError> {
        if request.group_id.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        if let Some(outcome) = self.heartbeat_consumer(now, request) {
            return outcome;
        }
        let group = self
            .groups
            .get_mut(&request.group_id)
            .ok_or(GroupError::UnknownMemberId)?;
        let (state, generation) = (group.state, group.generation);
        let member = group.member_of(&request.member_id, request.instance_id.as_deref())?;
        if request.generation != generation {
            return Err(GroupError::IllegalGeneration);
        }
        match state {
            State::Empty => Err(GroupError::UnknownMemberId),
            State::CompletingRebalance | State::Stable => {
                member.alive(now);
                Ok(())
            }
            State::PreparingRebalance => {
                member.alive(now);
                Err(GroupError::RebalanceInProgress)
            }
        }
    }
}

fn sync_response<R>(group: &Group<R>, member_id: &str) -> SyncResponse {
    let member = group.members.get(member_id);
    SyncResponse {
        error: None,
        protocol_type: group.protocol_type.clone(),
        protocol: group.protocol.clone(),
        assignment: member.map_or_else(Bytes::new, |m| m.assignment.clone()),
    }
}
