//! LeaveGroup: members that go without waiting for their session to end.

use super::coordinator::{Coordinator, Effect};
use super::messages::{JoinResponse, LeaveRequest, Leaving, Left, SyncResponse};
use super::state::State;
use super::{GroupError, Now};

impl<R> Coordinator<R> {
    /// Takes members out, by id or by instance id (v3 and later).
    pub fn leave(
        &mut self,
        now: Now,
        request: &LeaveRequest,
    ) -> (Result<Vec<Left>, GroupError>, Vec<Effect<R>>) {
        if request.group_id.is_empty() {
            return (Err(GroupError::InvalidGroupId), Vec::new());
        }
        if let Some(left) = self.leave_consumer(now, request) {
            self.deadlines.enter(&request.group_id, &mut self.groups);
            return (Ok(left), self.take_effects());
        }
        let left = request.members.iter().map(|leaving| Left {
            member_id: leaving.member_id.clone(),
            instance_id: leaving.instance_id.clone(),
            error: self.leave_one(now, &request.group_id, leaving).err(),
        });
        let left = left.collect();
        self.forget_if_useless(&request.group_id);
        self.deadlines.enter(&request.group_id, &mut self.groups);
        (Ok(left), self.take_effects())
    }

    fn leave_one(&mut self, now: Now, group_id: &str, leaving: &Leaving) -> Result<(), GroupError> {
        let group = self
            .groups
            .get_mut(group_id)
            .ok_or(GroupError::UnknownMemberId)?;
        let id = match &leaving.instance_id {
            Some(instance_id) if leaving.member_id.is_empty() => group
                .instances
                .get(instance_id)
                .cloned()
                .ok_or(GroupError::UnknownMemberId)?,
            _ => leaving.member_id.clone(),
        };
        if group.pending.remove(&id).is_some() {
            self.end_join_phase_if_complete(now, group_id);
            return Ok(());
        }
        group.member_of(&id, leaving.instance_id.as_deref())?;
        self.remove(now, group_id, &id);
        Ok(())
    }

    /// Takes a member out, tells it so if it waits, and has the others rebalance.
    pub(super) fn remove(&mut self, now: Now, group_id: &str, member_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let Some(mut member) = group.take_out(member_id) else {
            return;
        };
        if let Some(reply) = member.joining.take() {
            let response = JoinResponse::error(GroupError::UnknownMemberId, member_id);
            self.effects.push(Effect::Joined(reply, response));
        }
        if let Some(reply) = member.syncing.take() {
            let response = SyncResponse::error(GroupError::UnknownMemberId);
            self.effects.push(Effect::Synced(reply, response));
        }
        match group.state {
            State::Empty => {}
            State::PreparingRebalance => self.end_join_phase_if_complete(now, group_id),
            State::CompletingRebalance | State::Stable => self.rebalance(now, group_id),
        }
    }
}
