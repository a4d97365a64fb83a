//! From one generation to the next: the join phase begins, and ends.

use bytes::Bytes;

use super::coordinator::{Coordinator, Effect, Waiting};
use super::messages::SyncResponse;
use super::state::State;
use super::{GroupError, Now, records};

impl<R> Coordinator<R> {
    /// Somebody joined, left or changed: begins a join phase, or ends one if that was the
    /// last who was missing.
    pub(super) fn rebalance(&mut self, now: Now, group_id: &str) {
        let initial_delay_ms = i64::from(self.config.initial_rebalance_delay_ms);
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        match group.state {
            State::PreparingRebalance => {}
            State::Empty => {
                // Others are likely to come: a group does not rebalance for each of them.
                let timeout_ms = group.rebalance_timeout_ms();
                let delay_ms = initial_delay_ms.min(timeout_ms);
                group.deadline_ms = Some(now.steady_ms + delay_ms);
                group.initial_delay_left_ms = Some((timeout_ms - delay_ms).max(0));
                group.has_new_member = false;
                group.enter(State::PreparingRebalance, now);
            }
            State::CompletingRebalance | State::Stable => {
                group.assignment_token = None;
                group.deadline_ms = Some(now.steady_ms + group.rebalance_timeout_ms());
                group.initial_delay_left_ms = None;
                group.enter(State::PreparingRebalance, now);
                for member in group.members.values_mut() {
                    member.assignment = Bytes::new();
                    if let Some(reply) = member.syncing.take() {
                        member.alive(now);
                        let response = SyncResponse::error(GroupError::RebalanceInProgress);
                        self.effects.push(Effect::Synced(reply, response));
                    }
                }
            }
        }
        self.end_join_phase_if_complete(now, group_id);
    }

    pub(super) fn end_join_phase_if_complete(&mut self, now: Now, group_id: &str) {
        let is_complete = self.groups.get(group_id).is_some_and(|group| {
            group.state == State::PreparingRebalance
                && group.initial_delay_left_ms.is_none()
                && group.all_joined()
        });
        if is_complete {
            self.end_join_phase(now, group_id);
        }
    }

    /// The join phase has lasted as long as it may.
    pub(super) fn join_phase_timed_out(&mut self, now: Now, group_id: &str) {
        let initial_delay_ms = i64::from(self.config.initial_rebalance_delay_ms);
        if let Some(group) = self.groups.get_mut(group_id)
            && let Some(left_ms) = group.initial_delay_left_ms
            && std::mem::take(&mut group.has_new_member)
            && left_ms > 0
        {
            let delay_ms = initial_delay_ms.min(left_ms);
            group.deadline_ms = Some(now.steady_ms + delay_ms);
            group.initial_delay_left_ms = Some(left_ms - delay_ms);
            return;
        }
        self.end_join_phase(now, group_id);
    }

    fn end_join_phase(&mut self, now: Now, group_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        group.initial_delay_left_ms = None;
        let missing: Vec<String> = group
            .members
            .values()
            .filter(|m| m.joining.is_none() && !m.is_static())
            .map(|m| m.id.clone())
            .collect();
        for id in missing {
            group.take_out(&id);
        }
        if group.members.is_empty() {
            return self.become_empty(now, group_id);
        }
        let Some(joined) = group.members.values().find(|m| m.joining.is_some()) else {
            // Only static members that have not come back yet: they get another term.
            group.deadline_ms = Some(now.steady_ms + group.rebalance_timeout_ms());
            return;
        };
        let has_leader = group
            .leader
            .as_ref()
            .and_then(|id| group.members.get(id))
            .is_some_and(|leader| leader.joining.is_some());
        if !has_leader {
            group.leader = Some(joined.id.clone());
        }
        group.generation = group.generation.checked_add(1).unwrap_or(1);
        group.protocol = group.select_protocol();
        group.enter(State::CompletingRebalance, now);
        group.deadline_ms = Some(now.steady_ms + group.rebalance_timeout_ms());
        let ids: Vec<String> = group.members.keys().cloned().collect();
        for id in ids {
            let response = group.join_response(&id);
            if let Some(member) = group.members.get_mut(&id) {
                member.has_synced = false;
                if let Some(reply) = member.take_joining(now) {
                    self.effects.push(Effect::Joined(reply, response));
                }
            }
        }
    }

    fn become_empty(&mut self, now: Now, group_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        group.generation = group.generation.checked_add(1).unwrap_or(1);
        group.protocol = None;
        group.leader = None;
        group.deadline_ms = None;
        group.enter(State::Empty, now);
        let record = records::group_record(group_id, group, now.wall_ms);
        self.append(vec![record], Waiting::Nothing);
    }
}
