//! Offsets that nobody wants any more (KIP-211), and groups that have nothing left.

use std::ops::Bound;

use crate::group::coordinator::{Coordinator, Waiting};
use crate::group::records::OffsetsRecord;
use crate::group::state::State;
use crate::group::{Now, records};

/// How often offsets are looked at (`offsets.retention.check.interval.ms` of Kafka).
const EXPIRY_EVERY_MS: i64 = 600_000;

/// Groups that are looked at in one go; the next ones follow after the shard's other work.
const GROUPS_PER_TURN_MAX: usize = 256;

impl<R> Coordinator<R> {
    /// Looks at some groups, if it is time.
    pub(in crate::group) fn expire_some(&mut self, now: Now) {
        if now.steady_ms < self.next_expiry_ms {
            return;
        }
        let from = match self.expired_up_to.take() {
            Some(group_id) => Bound::Excluded(group_id),
            None => Bound::Unbounded,
        };
        let groups = self.groups.range((from, Bound::Unbounded));
        let ids: Vec<String> = groups
            .take(GROUPS_PER_TURN_MAX)
            .map(|(id, _)| id.clone())
            .collect();
        for id in &ids {
            self.expire_offsets(now, id);
        }
        if ids.len() < GROUPS_PER_TURN_MAX {
            self.next_expiry_ms = now.steady_ms + EXPIRY_EVERY_MS;
        } else {
            self.expired_up_to = ids.into_iter().next_back();
        }
    }

    /// Offsets of a group without members expire a retention after it lost the last one;
    /// those of consumers without a group, and those for topics that a stable group is not
    /// subscribed to, a retention after their commit.
    fn expire_offsets(&mut self, now: Now, group_id: &str) {
        let retention_ms = self.config.offsets_retention_ms;
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        let is_empty = group.is_without_members();
        let may_expire = is_empty
            || group.consumer.is_some()
            || group.is_of_consumers() && group.state == State::Stable;
        if !may_expire || group.pending_commits > 0 {
            return;
        }
        // Offsets of a KIP-848 group go by their own time only (as in Kafka).
        let since_ms = (is_empty && group.protocol_type.is_some()).then_some(group.state_since_ms);
        let subscriptions = group.subscriptions();
        let mut tombstones: Vec<OffsetsRecord> = Vec::new();
        group.offsets.remove_committed_if(
            |topic, committed| {
                let expire_ms = committed.expire_timestamp_ms.unwrap_or_else(|| {
                    let committed_ms = committed.commit_timestamp_ms;
                    let from_ms = since_ms.map_or(committed_ms, |since| since.max(committed_ms));
                    from_ms.saturating_add(retention_ms)
                });
                now.wall_ms >= expire_ms && !subscriptions.has(topic)
            },
            |topic, partition| {
                tombstones.push(records::offset_tombstone(group_id, topic, partition));
            },
        );
        if is_empty && group.offsets.is_empty() && group.pending.is_empty() {
            tombstones.extend(group.tombstones(group_id));
            self.groups.remove(group_id);
        }
        if !tombstones.is_empty() {
            self.append(tombstones, Waiting::Nothing);
        }
    }
}
