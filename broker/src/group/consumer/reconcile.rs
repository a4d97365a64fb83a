//! From what a member has to what it is to have, one safe step at a time (KIP-848,
//! "Reconciliation").
//!
//! A partition that is to go stays the member's until a heartbeat says that it has let go of it;
//! only then is it free, and only a free partition is given out. So no partition has two owners,
//! whatever answers and heartbeats are lost or late.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::super::records::consumer::{CurrentValue, MemberState, OwnedPartitions, Partitions};

/// What a member's next step depends on.
pub struct Reconciliation<'a> {
    pub current: &'a CurrentValue,
    pub target_epoch: i32,
    pub target: &'a Partitions,
    /// What the member says it has, if it says so.
    pub reported: Option<&'a Partitions>,
    /// Whether a topic exists and the member is subscribed to it.
    pub is_subscribed: &'a dyn Fn(Uuid) -> bool,
    /// Whether somebody else has a partition.
    pub is_others: &'a dyn Fn(Uuid, i32) -> bool,
}

impl Reconciliation<'_> {
    /// What the member has next; as it was where there is nothing to do.
    pub fn next(&self) -> CurrentValue {
        let current = self.current;
        match current.state {
            MemberState::Stable if current.epoch != self.target_epoch => self.advance(),
            MemberState::Stable => self.drop_unsubscribed(),
            MemberState::UnrevokedPartitions if self.has(&current.pending_revocation) => {
                self.drop_unsubscribed()
            }
            // Of a state that only a newer broker knows, a member gets out with nothing in its
            // hands: that is checked before.
            MemberState::UnrevokedPartitions
            | MemberState::UnreleasedPartitions
            | MemberState::Unknown(_) => self.advance(),
        }
    }

    /// Whether the member may still have any of these. Only its word for it says that it has not.
    fn has(&self, partitions: &OwnedPartitions) -> bool {
        let Some(reported) = self.reported else {
            return true;
        };
        partitions.iter().any(|(id, epochs)| {
            let reported = reported.get(id);
            reported.is_some_and(|indexes| epochs.keys().any(|index| indexes.contains(index)))
        })
    }

    fn moved(&self, state: MemberState, epoch: i32) -> CurrentValue {
        CurrentValue {
            epoch,
            previous_epoch: self.current.epoch,
            state,
            ..CurrentValue::default()
        }
    }

    /// Topics that it is no longer subscribed to go at once, without waiting for a new target
    /// (KAFKA-19431).
    fn drop_unsubscribed(&self) -> CurrentValue {
        let current = self.current;
        if current.assigned.keys().all(|id| (self.is_subscribed)(*id)) {
            return current.clone();
        }
        let (kept, gone): (OwnedPartitions, OwnedPartitions) = current
            .assigned
            .clone()
            .into_iter()
            .partition(|(id, _)| (self.is_subscribed)(*id));
        let mut pending_revocation = current.pending_revocation.clone();
        for (id, epochs) in gone {
            pending_revocation.entry(id).or_default().extend(epochs);
        }
        if self.has(&pending_revocation) {
            let next = self.moved(MemberState::UnrevokedPartitions, current.epoch);
            return CurrentValue {
                assigned: kept,
                pending_revocation,
                ..next
            };
        }
        CurrentValue {
            assigned: kept,
            ..self.moved(current.state, current.epoch)
        }
    }

    fn advance(&self) -> CurrentValue {
        let current = self.current;
        let nothing = BTreeSet::new();
        let target_of = |id: &Uuid| {
            let target = self.target.get(id).filter(|_| (self.is_subscribed)(*id));
            target.unwrap_or(&nothing)
        };
        let mut assigned = OwnedPartitions::new();
        let mut to_revoke = OwnedPartitions::new();
        for (id, epochs) in &current.assigned {
            let target = target_of(id);
            for (index, epoch) in epochs {
                let place = if target.contains(index) {
                    &mut assigned
                } else {
                    &mut to_revoke
                };
                place.entry(*id).or_default().insert(*index, *epoch);
            }
        }
        if !to_revoke.is_empty() && self.has(&to_revoke) {
            // It stays in its epoch, and in this state, until it has let go (KAFKA-19974).
            let next = self.moved(MemberState::UnrevokedPartitions, current.epoch);
            return CurrentValue {
                assigned,
                pending_revocation: to_revoke,
                ..next
            };
        }
        let mut has_to_wait = false;
        for id in self.target.keys() {
            for index in target_of(id) {
                let is_its_own = assigned
                    .get(id)
                    .is_some_and(|epochs| epochs.contains_key(index));
                if is_its_own {
                    continue;
                }
                if (self.is_others)(*id, *index) {
                    has_to_wait = true;
                } else {
                    let epochs = assigned.entry(*id).or_default();
                    epochs.insert(*index, self.target_epoch);
                }
            }
        }
        let state = if has_to_wait {
            MemberState::UnreleasedPartitions
        } else {
            MemberState::Stable
        };
        CurrentValue {
            assigned,
            ..self.moved(state, self.target_epoch)
        }
    }
}
