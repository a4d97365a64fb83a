//! What happens because time passes: sessions and phases end, offsets expire, groups go.

use super::coordinator::{Coordinator, Effect, Waiting};
use super::records::OffsetsRecord;
use super::state::State;
use super::{GroupError, Now, records};

/// How often offsets are looked at (`offsets.retention.check.interval.ms` of Kafka).
const EXPIRY_EVERY_MS: i64 = 600_000;

impl<R> Coordinator<R> {
    /// Does what is due.
    pub fn tick(&mut self, now: Now) -> Vec<Effect<R>> {
        for id in self.deadlines.take_due(now.steady_ms, &mut self.groups) {
            self.tick_group(now, &id);
            self.deadlines.enter(&id, &mut self.groups);
        }
        if now.steady_ms >= self.next_expiry_ms {
            self.next_expiry_ms = now.steady_ms + EXPIRY_EVERY_MS;
            let ids: Vec<String> = self.groups.keys().cloned().collect();
            for id in &ids {
                self.expire_offsets(now, id);
            }
        }
        self.take_effects()
    }

    /// When [`Self::tick`] has something to do, in ms of the monotonic clock. Costs the same
    /// however many groups and members there are.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let expiry = (!self.groups.is_empty()).then_some(self.next_expiry_ms);
        self.deadlines.next_ms().into_iter().chain(expiry).min()
    }

    fn tick_group(&mut self, now: Now, group_id: &str) {
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

    /// Offsets of a group without members expire a retention after it lost the last one;
    /// those of consumers without a group, a retention after their commit (KIP-211).
    fn expire_offsets(&mut self, now: Now, group_id: &str) {
        let retention_ms = self.config.offsets_retention_ms;
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        if group.state != State::Empty || group.pending_commits > 0 {
            return;
        }
        let had_members = group.protocol_type.is_some();
        let since_ms = group.state_since_ms;
        let mut tombstones: Vec<OffsetsRecord> = Vec::new();
        group.offsets.retain(|(topic, partition), committed| {
            let expire_ms = committed.expire_timestamp_ms.unwrap_or_else(|| {
                let committed_ms = committed.commit_timestamp_ms;
                let from_ms = if had_members {
                    since_ms.max(committed_ms)
                } else {
                    committed_ms
                };
                from_ms.saturating_add(retention_ms)
            });
            let stays = now.wall_ms < expire_ms;
            if !stays {
                tombstones.push(records::offset_tombstone(group_id, topic, *partition));
            }
            stays
        });
        let is_gone = group.offsets.is_empty() && group.pending.is_empty();
        if is_gone {
            if group.generation > 0 {
                tombstones.push(records::group_tombstone(group_id));
            }
            self.groups.remove(group_id);
        }
        if !tombstones.is_empty() {
            self.append(tombstones, Waiting::Nothing);
        }
    }

    /// A group that never came to be leaves nothing behind.
    pub(super) fn forget_if_useless(&mut self, group_id: &str) {
        let is_useless = self.groups.get(group_id).is_some_and(|group| {
            group.state == State::Empty
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
                Some(group) if group.state != State::Empty => Some(GroupError::NonEmptyGroup),
                Some(_) => None,
            }
        };
        if let Some(error) = refused {
            self.effects.push(Effect::Deleted(reply, Err(error)));
            return self.take_effects();
        }
        let Some(group) = self.groups.remove(group_id) else {
            return self.take_effects();
        };
        let mut tombstones: Vec<OffsetsRecord> = group
            .offsets
            .keys()
            .map(|(topic, partition)| records::offset_tombstone(group_id, topic, *partition))
            .collect();
        // Commits under way are in the log before these tombstones. Without one of their
        // own, a restart would bring them back; and a new group of this name is not theirs.
        for waiting in self.waiting.values_mut() {
            if let Waiting::Commit {
                group_id: of,
                offsets,
                ..
            } = waiting
                && of == group_id
            {
                tombstones.extend(offsets.iter().map(|(_, offset)| {
                    records::offset_tombstone(group_id, &offset.topic, offset.partition)
                }));
                // No group has the empty id: whoever committed is answered, nothing is kept.
                of.clear();
            }
        }
        tombstones.push(records::group_tombstone(group_id));
        self.append(tombstones, Waiting::Deleted { reply });
        self.take_effects()
    }
}
