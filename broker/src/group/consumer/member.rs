//! A member of a KIP-848 group.

use super::super::Now;
use super::super::records::consumer::{
    CurrentValue, MemberState, MemberValue, OwnedPartitions, Partitions,
};
use super::config::ConsumerConfig;

#[derive(Clone, Debug, Default)]
pub struct ConsumerMember {
    /// What it has said of itself; `None` while the log is read and that record did not come yet.
    pub metadata: Option<MemberValue>,
    pub current: CurrentValue,
    pub timers: Timers,
}

/// When it is fenced, by the monotonic clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timers {
    /// Without a sign of life.
    pub session_ms: i64,
    /// Without having given partitions back, and the epoch that it is to leave.
    pub rebalance: Option<(i64, i32)>,
    /// Of the classic protocol: without having joined again, or asked for its assignment.
    pub classic_ms: Option<i64>,
}

impl ConsumerMember {
    pub fn metadata(&self) -> &MemberValue {
        static NOTHING: MemberValue = MemberValue {
            instance_id: None,
            rack_id: None,
            client_id: String::new(),
            client_host: String::new(),
            topic_names: std::collections::BTreeSet::new(),
            topic_regex: None,
            rebalance_timeout_ms: -1,
            server_assignor: None,
            classic: None,
        };
        self.metadata.as_ref().unwrap_or(&NOTHING)
    }

    pub fn is_classic(&self) -> bool {
        self.metadata().classic.is_some()
    }

    pub fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.current.state == MemberState::Stable && self.current.epoch == target_epoch
    }

    /// A sign of life.
    pub fn alive(&mut self, now: Now, config: &ConsumerConfig) {
        let timeout_ms = match &self.metadata().classic {
            Some(classic) => i64::from(classic.session_timeout_ms),
            None => config.session_timeout_ms,
        };
        self.timers.session_ms = now.steady_ms + timeout_ms;
    }

    /// When it is fenced if nothing is heard of it.
    pub fn deadline_ms(&self) -> i64 {
        let rebalance = self.timers.rebalance.map(|(at_ms, _)| at_ms);
        let others = rebalance.into_iter().chain(self.timers.classic_ms);
        others.fold(self.timers.session_ms, i64::min)
    }

    pub fn is_overdue(&self, now: Now) -> bool {
        let is_past = |at_ms: i64| now.steady_ms >= at_ms;
        let has_kept = self.timers.rebalance.is_some_and(|(at_ms, epoch)| {
            is_past(at_ms)
                && self.current.epoch == epoch
                && self.current.state == MemberState::UnrevokedPartitions
        });
        is_past(self.timers.session_ms) || has_kept || self.timers.classic_ms.is_some_and(is_past)
    }
}

pub fn without_epochs(owned: &OwnedPartitions) -> Partitions {
    let topics = owned.iter();
    topics
        .map(|(id, epochs)| (*id, epochs.keys().copied().collect()))
        .collect()
}

/// Whether all that a member says it has is its own.
pub fn is_subset(reported: &Partitions, owned: &OwnedPartitions) -> bool {
    reported.iter().all(|(id, indexes)| {
        let own = owned.get(id);
        let has = |index| own.is_some_and(|own| own.contains_key(index));
        indexes.iter().all(has)
    })
}
