//! What becomes of a group because time passes.

use super::super::Now;
use super::super::records::consumer::MemberState;
use super::change::Surroundings;
use super::group::ConsumerGroup;

impl ConsumerGroup {
    /// When the next member is fenced if nothing is heard of it, by the monotonic clock.
    pub fn deadline_ms(&self) -> Option<i64> {
        self.members
            .values()
            .map(|member| member.deadline_ms())
            .min()
    }

    /// The members whose time is over.
    pub(super) fn overdue(&self, now: Now) -> Vec<String> {
        let members = self.members.iter();
        members
            .filter(|(_, member)| member.is_overdue(now))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The log is read: every member has all its time from now.
    pub(super) fn start_timers(&mut self, around: Surroundings<'_>) {
        for member in self.members.values_mut() {
            member.alive(around.now, around.config);
            let timeout_ms = i64::from(member.metadata().rebalance_timeout_ms);
            let has_to_revoke = member.current.state == MemberState::UnrevokedPartitions;
            if has_to_revoke && !member.is_classic() {
                let deadline_ms = around.now.steady_ms + timeout_ms;
                member.timers.rebalance = Some((deadline_ms, member.current.epoch));
            }
        }
    }
}
