//! What happens because time passes: sessions and phases end, groups go.

use super::coordinator::{Coordinator, Effect, Waiting};
use super::state::State;
use super::{GroupError, Now, records};

impl<R> Coordinator<R> {
    /// Does what is due.
    pub fn tick(&mut self, now: Now) -> Vec<Effect<R>> {
        for id in self.deadlines.take_due(now.steady_ms, &mut self.groups) {
            self.tick_group(now, &id);
            self.deadlines.enter(&id, &mut self.groups);
        }
        self.expire_some(now);
        self.take_effects()
    }

    /// When [`Self::tick`] has something to do, in ms of the monotonic clock. Costs the same
    /// however many groups and members there are.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let expiry = (!self.groups.is_empty()).then_some(self.next_expiry_ms);
        self.deadlines.next_ms().into_iter().chain(expiry).min()
    }

    fn tick_group(&mut self, now: Now, group_id: &str) {
        if self.tick_consumer(now, group_id) {
            return;
        }
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let pending_before = group.pending.len();
        group
            .pending
            .retain(|_, until_ms| now.steady_ms < *until_ms);
        let lost_pending = group.pending.len() < pending_before;
        let silent: Vec<String> = group
            .members
            .values()
            .filter(|m| m.deadline_ms().is_some_and(|at_ms| now.steady_ms >= at_ms))
            .map(|m| m.id.clone())
            .collect();
        for member_id in silent {
            self.remove(now, group_id, &member_id);
        }
        if lost_pending {
            self.end_join_phase_if_complete(now, group_id);
        }
        let due = self
            .groups
            .get_mut(group_id)
            .filter(|group| {
                group
                    .deadline_ms
                    .is_some_and(|deadline| now.steady_ms >= deadline)
            })
            .map(|group| group.state);
        match due {
            Some(State::PreparingRebalance) => self.join_phase_timed_out(now, group_id),
            Some(State::CompletingRebalance | State::Stable) => {
                self.sync_phase_timed_out(now, group_id);
            }
            Some(State::Empty) | None => {}
        }
        self.forget_if_useless(group_id);
    }

    /// Members that have not asked for their assignment in time are taken out.
    fn sync_phase_timed_out(&mut self, now: Now, group_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        group.deadline_ms = None;
        let missing: Vec<String> = group
            .members
            .values()
            .filter(|m| !m.has_synced)
            .map(|m| m.id.clone())
            .collect();
        for member_id in missing {
            self.remove(now, group_id, &member_id);
        }
    }

    /// A group that never came to be leaves nothing behind.
    pub(super) fn forget_if_useless(&mut self, group_id: &str) {
        let is_useless = self.groups.get(group_id).is_some_and(|group| {
            group.state == State::Empty
                && group.consumer.is_none()
                && group.generation == 0
                && group.members.is_empty()
                && group.pending.is_empty()
                && group.offsets.is_empty()
                && group.pending_commits == 0
        });
        if is_useless {
            self.groups.remove(group_id);
        }
    }

    /// DeleteGroups: only a group without members goes.
    pub fn delete(&mut self, group_id: &str, reply: R) -> Vec<Effect<R>> {
        let refused = if group_id.is_empty() {
            Some(GroupError::InvalidGroupId)
        } else {
            match self.groups.get(group_id) {
                None => Some(GroupError::GroupIdNotFound),
                Some(group) if !group.is_without_members() => Some(GroupError::NonEmptyGroup),
                Some(_) => None,
            }
        };
        if let Some(error) = refused {
            self.effects.push(Effect::Deleted(reply, Err(error)));
            return self.take_effects();
        }
        let mut tombstones = self.bury_offsets(group_id);
        match self.groups.remove(group_id) {
            Some(group) if group.consumer.is_some() => {
                tombstones.extend(group.tombstones(group_id));
            }
            _ => tombstones.push(records::group_tombstone(group_id)),
        }
        self.append(tombstones, Waiting::Deleted { reply });
        self.take_effects()
    }
}
