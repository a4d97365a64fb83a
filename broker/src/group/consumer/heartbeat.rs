//! ConsumerGroupHeartbeat of a member that joins or stays.

use super::super::GroupError;
use super::super::records::consumer::{
    ConsumerRecord, CurrentValue, MemberState, MemberValue, Partitions,
};
use super::change::{Records, Surroundings};
use super::group::ConsumerGroup;
use super::member::{is_subset, without_epochs};
use super::messages::{ConsumerHeartbeat, ConsumerHeartbeatResponse, JOINING, LEAVING_FOR_NOW};
use super::reconcile::Reconciliation;
use super::refresh::RegexChange;
use super::regex::TopicPattern;

/// What came of a heartbeat.
#[derive(Debug)]
pub struct Beat {
    pub records: Records,
    pub response: ConsumerHeartbeatResponse,
    /// Regular expressions to be searched for.
    pub resolve: Option<Vec<String>>,
}

impl ConsumerGroup {
    /// Takes a heartbeat. What is refused has changed nothing.
    pub fn heartbeat(
        &mut self,
        around: Surroundings<'_>,
        request: &ConsumerHeartbeat,
    ) -> Result<Beat, GroupError> {
        let id = &request.member_id;
        let is_known = self.members.contains_key(id);
        if self.members.len() >= around.config.members_max && !is_known {
            return Err(GroupError::GroupMaxSizeReached);
        }
        let replaced = self.may_beat(request)?;
        let known = replaced.as_deref().unwrap_or(id);
        let before = self.members.get(known).and_then(|m| m.metadata.as_ref());
        // Most heartbeats say nothing new, and cost as little.
        let after = match before {
            Some(before) if says_nothing_new(before, request) => None,
            before => Some(updated(before, request)),
        };
        self.check_regex(before, after.as_ref())?;

        let mut records = Records::new();
        if let Some(replaced) = &replaced {
            self.replace(replaced, id, &mut records);
        }
        let is_changed = after.is_some_and(|after| self.subscribe(around, id, after, &mut records));
        let resolve = self.due_refresh(around);
        self.bump_epoch(around, is_changed, &mut records);
        self.update_target(around, &mut records);
        let is_new = self.reconcile(around, id, request.owned.as_ref(), &mut records);

        let Some(member) = self.members.get_mut(id) else {
            return Err(GroupError::UnknownMemberId);
        };
        member.timers.classic_ms = None;
        member.alive(around.now, around.config);
        let is_full = request.epoch == JOINING
            || request.rebalance_timeout_ms.is_some()
                && (request.topic_names.is_some() || request.topic_regex.is_some())
                && request.owned.is_some();
        let assignment = (is_full || is_new).then(|| without_epochs(&member.current.assigned));
        let response = ConsumerHeartbeatResponse {
            member_id: id.clone(),
            epoch: member.current.epoch,
            heartbeat_interval_ms: around.config.heartbeat_interval_ms,
            assignment,
        };
        Ok(Beat {
            records,
            response,
            resolve,
        })
    }

    /// Whether the member may do this; and the id of the static member whose place it takes, if it
    /// comes back under another.
    fn may_beat(&self, request: &ConsumerHeartbeat) -> Result<Option<String>, GroupError> {
        let is_joining = request.epoch == JOINING;
        let id = &request.member_id;
        let Some(instance_id) = &request.instance_id else {
            match self.members.get(id) {
                Some(member) => check_epoch(&member.current, request)?,
                None if is_joining => {}
                None => return Err(GroupError::UnknownMemberId),
            }
            return Ok(None);
        };
        let Some(known) = self.instances.get(instance_id) else {
            return if is_joining {
                Ok(None)
            } else {
                Err(GroupError::UnknownMemberId)
            };
        };
        let Some(member) = self.members.get(known) else {
            return Err(GroupError::UnknownMemberId);
        };
        if known == id {
            check_epoch(&member.current, request)?;
            return Ok(None);
        }
        if !is_joining {
            return Err(GroupError::FencedInstanceId);
        }
        // The one before must have said that it goes; a member of the classic protocol cannot.
        if member.current.epoch != LEAVING_FOR_NOW && !member.is_classic() {
            return Err(GroupError::UnreleasedInstanceId);
        }
        Ok(Some(known.clone()))
    }

    /// An expression that is new to the group must be one.
    fn check_regex(
        &self,
        before: Option<&MemberValue>,
        after: Option<&MemberValue>,
    ) -> Result<(), GroupError> {
        let is_new = |regex: &&str| {
            before.and_then(MemberValue::regex) != Some(*regex)
                && !self.regex_members.contains_key(*regex)
        };
        match after.and_then(MemberValue::regex).filter(is_new) {
            Some(regex) => TopicPattern::new(regex).map(drop),
            None => Ok(()),
        }
    }

    /// A static member's place under a new id, from the beginning but with what it had.
    pub(super) fn replace(&mut self, from: &str, to: &str, records: &mut Records) {
        let Some(before) = self.members.get(from).cloned() else {
            return;
        };
        let target = self.target_of(from);
        self.remove_records(from, records);
        let metadata = before.metadata.clone();
        self.change(ConsumerRecord::Member(to.to_owned(), metadata), records);
        self.change(ConsumerRecord::Target(to.to_owned(), Some(target)), records);
        let current = CurrentValue {
            epoch: JOINING,
            previous_epoch: JOINING,
            ..before.current
        };
        self.change(
            ConsumerRecord::Current(to.to_owned(), Some(current)),
            records,
        );
    }

    /// Takes what the member says of itself; returns whether the group needs a new assignment.
    pub(super) fn subscribe(
        &mut self,
        around: Surroundings<'_>,
        id: &str,
        after: MemberValue,
        records: &mut Records,
    ) -> bool {
        let before = self.members.get(id).and_then(|m| m.metadata.as_ref());
        if before == Some(&after) {
            return false;
        }
        let nothing = MemberValue::default();
        let before = before.unwrap_or(&nothing);
        let has_new_names = before.topic_names != after.topic_names;
        let regex_change = self.regex_change(before, &after);
        let assignor_before = self.assignor(around.config);
        self.change(ConsumerRecord::Member(id.to_owned(), Some(after)), records);
        self.forget_unused_regexes(records);
        has_new_names
            || regex_change == RegexChange::Resolved
            || self.assignor(around.config) != assignor_before
    }

    fn regex_change(&self, before: &MemberValue, after: &MemberValue) -> RegexChange {
        match (before.regex(), after.regex()) {
            (before, after) if before == after => RegexChange::None,
            (_, None) => RegexChange::Resolved,
            (_, Some(regex)) if self.regexes.contains_key(regex) => RegexChange::Resolved,
            (_, Some(_)) => RegexChange::Unresolved,
        }
    }

    /// Brings a member one step nearer to its target; returns whether it has other partitions now.
    pub(super) fn reconcile(
        &mut self,
        around: Surroundings<'_>,
        id: &str,
        reported: Option<&Partitions>,
        records: &mut Records,
    ) -> bool {
        let Some(member) = self.members.get(id) else {
            return false;
        };
        let nothing = Partitions::new();
        let target = self.target.get(id).unwrap_or(&nothing);
        let metadata = member.metadata();
        let is_subscribed = |topic| self.is_subscribed(metadata, topic, around.topics);
        let is_others = |topic, index| {
            let owner = self.owners.get(&(topic, index));
            owner.is_some_and(|owner| owner != id)
        };
        let next = Reconciliation {
            current: &member.current,
            target_epoch: self.assignment_epoch,
            target,
            reported,
            is_subscribed: &is_subscribed,
            is_others: &is_others,
        }
        .next();
        if next == member.current {
            return false;
        }
        let has_others = next.assigned != member.current.assigned;
        let to_be_revoked = (!member.is_classic()
            && next.state == MemberState::UnrevokedPartitions)
            .then_some(next.epoch);
        let timeout_ms = i64::from(member.metadata().rebalance_timeout_ms);
        self.change(ConsumerRecord::Current(id.to_owned(), Some(next)), records);
        if let Some(member) = self.members.get_mut(id) {
            let deadline_ms = around.now.steady_ms + timeout_ms;
            member.timers.rebalance = to_be_revoked.map(|epoch| (deadline_ms, epoch));
        }
        has_others
    }
}

fn says_nothing_new(known: &MemberValue, request: &ConsumerHeartbeat) -> bool {
    let is_same = |known: &Option<String>, said: &Option<String>| said.is_none() || known == said;
    let names = request.topic_names.as_ref();
    let timeout_ms = request.rebalance_timeout_ms;
    is_same(&known.instance_id, &request.instance_id)
        && is_same(&known.rack_id, &request.rack_id)
        && is_same(&known.topic_regex, &request.topic_regex)
        && is_same(&known.server_assignor, &request.server_assignor)
        && names.is_none_or(|names| known.topic_names == names.iter().cloned().collect())
        && timeout_ms.is_none_or(|timeout_ms| known.rebalance_timeout_ms == timeout_ms)
        && known.client_id == request.client_id
        && known.client_host == request.client_host
        && known.classic.is_none()
}

/// What is known of a member, with what it says now.
fn updated(before: Option<&MemberValue>, request: &ConsumerHeartbeat) -> MemberValue {
    let mut after = before.cloned().unwrap_or_default();
    let set = |field: &mut Option<String>, said: &Option<String>| {
        if said.is_some() {
            field.clone_from(said);
        }
    };
    set(&mut after.instance_id, &request.instance_id);
    set(&mut after.rack_id, &request.rack_id);
    set(&mut after.topic_regex, &request.topic_regex);
    set(&mut after.server_assignor, &request.server_assignor);
    if let Some(names) = &request.topic_names {
        after.topic_names = names.iter().cloned().collect();
    }
    if let Some(timeout_ms) = request.rebalance_timeout_ms {
        after.rebalance_timeout_ms = timeout_ms;
    }
    after.client_id.clone_from(&request.client_id);
    after.client_host.clone_from(&request.client_host);
    after.classic = None;
    after
}

/// A member may be one epoch late, for the answer that told it of the next may be lost; but then it
/// must not have anything that is not its own. Who joins begins again in any case (KAFKA-19233).
fn check_epoch(current: &CurrentValue, request: &ConsumerHeartbeat) -> Result<(), GroupError> {
    let has_nothing = request.owned.as_ref().is_some_and(Partitions::is_empty);
    if matches!(current.state, MemberState::Unknown(_)) && !has_nothing {
        return Err(GroupError::FencedMemberEpoch);
    }
    if request.epoch == JOINING || request.epoch == current.epoch {
        return Ok(());
    }
    let is_late = request.epoch < current.epoch && request.epoch == current.previous_epoch;
    let has_only_its_own = request
        .owned
        .as_ref()
        .is_some_and(|owned| is_subset(owned, &current.assigned));
    if is_late && has_only_its_own {
        return Ok(());
    }
    Err(GroupError::FencedMemberEpoch)
}
