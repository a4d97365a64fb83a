//! The events of KIP-848 groups as they reach the coordinator, and which group they are for.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::coordinator::{Coordinator, Effect, Waiting};
use super::super::messages::{
    HeartbeatRequest, JoinRequest, JoinResponse, LeaveRequest, Left, SyncRequest, SyncResponse,
};
use super::super::records::{self, OffsetsRecord};
use super::super::state::{Group, State};
use super::super::{GroupError, Now};
use super::change::{Records, Surroundings};
use super::config::ConsumerConfig;
use super::group::ConsumerGroup;
use super::heartbeat::Beat;
use super::messages::{
    ConsumerHeartbeat, ConsumerHeartbeatResponse, JOINING, LEAVING, LEAVING_FOR_NOW,
};
use super::topics::Topics;

/// What changes of a group of this coordinator depend on. A macro, since it borrows only these
/// fields.
macro_rules! around {
    ($self:ident, $topics:ident, $now:expr, $group_id:expr) => {
        Surroundings {
            now: $now,
            config: $self.config.consumer_of($group_id),
            topics: &*$topics,
            new_topics_version: $self.new_topics_version,
        }
    };
}

impl<R> Coordinator<R> {
    /// The cluster's topics from here on; whether there are new ones among them.
    pub fn take_topics(&mut self, topics: Rc<dyn Topics>, has_new: bool) {
        if has_new {
            self.new_topics_version = topics.version();
        }
        self.topics = topics;
    }

    pub fn consumer_heartbeat(
        &mut self,
        now: Now,
        mut request: ConsumerHeartbeat,
        reply: R,
    ) -> Vec<Effect<R>> {
        let checked = may_be_served(&self.config.consumer, &request);
        if let Err(error) = checked {
            self.effects
                .push(Effect::ConsumerHeartbeat(reply, Err(error)));
        } else if matches!(request.epoch, LEAVING | LEAVING_FOR_NOW) {
            self.consumer_leave(now, &request, reply);
        } else {
            if request.member_id.is_empty() {
                request.member_id = self.new_suffix();
            }
            self.beat(now, &request, reply);
        }
        self.take_effects()
    }

    fn beat(&mut self, now: Now, request: &ConsumerHeartbeat, reply: R) {
        match self.try_beat(now, request) {
            Err(error) => self
                .effects
                .push(Effect::ConsumerHeartbeat(reply, Err(error))),
            Ok((first, beat)) => {
                let answer = Effect::ConsumerHeartbeat(reply, Ok(beat.response));
                self.write(&request.group_id, first, &beat.records, Some(answer));
                if !beat.records.is_empty() {
                    // Else it only has more time than it had.
                    self.deadlines.enter(&request.group_id, &mut self.groups);
                }
                self.resolve(&request.group_id, beat.resolve);
            }
        }
    }

    /// Returns records that go before those of the group.
    fn try_beat(
        &mut self,
        now: Now,
        request: &ConsumerHeartbeat,
    ) -> Result<(Vec<OffsetsRecord>, Beat), GroupError> {
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, &request.group_id);
        let group_id = &request.group_id;
        let group = self.groups.get_mut(group_id);
        if let Some(consumer) = group.and_then(|group| group.consumer.as_deref_mut()) {
            return Ok((Vec::new(), consumer.heartbeat(around, request)?));
        }
        if request.epoch != JOINING {
            return Err(GroupError::GroupIdNotFound);
        }
        let mut first = Vec::new();
        let mut converted = Records::new();
        let mut consumer = match self.groups.get(group_id) {
            Some(classic) if classic.state != State::Empty => {
                first.push(records::group_tombstone(group_id));
                let (consumer, records) = ConsumerGroup::from_classic(around, classic)?;
                converted = records;
                consumer
            }
            Some(classic) => {
                if classic.generation > 0 {
                    first.push(records::group_tombstone(group_id));
                }
                ConsumerGroup::default()
            }
            None => ConsumerGroup::default(),
        };
        // Nothing is kept of a group whose first member is refused.
        let mut beat = consumer.heartbeat(around, request)?;
        converted.append(&mut beat.records);
        beat.records = converted;
        let group = self.groups.entry(group_id.clone());
        group.or_insert_with(|| Group::new(now.wall_ms));
        self.install_consumer(group_id, consumer);
        Ok((first, beat))
    }

    fn resolve(&mut self, group_id: &str, regexes: Option<Vec<String>>) {
        if let Some(regexes) = regexes {
            self.effects.push(Effect::ResolveRegexes {
                group_id: group_id.to_owned(),
                regexes,
            });
        }
    }

    /// What [`Effect::ResolveRegexes`] found, in the topics of `version`.
    pub fn resolved(
        &mut self,
        now: Now,
        group_id: &str,
        found: BTreeMap<String, BTreeSet<String>>,
        version: i64,
    ) -> Vec<Effect<R>> {
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, group_id);
        let group = self.groups.get_mut(group_id);
        if let Some(consumer) = group.and_then(|group| group.consumer.as_deref_mut()) {
            let records = consumer.take_resolved(around, found, version);
            self.write(group_id, Vec::new(), &records, None);
        }
        self.take_effects()
    }

    fn consumer_leave(&mut self, now: Now, request: &ConsumerHeartbeat, reply: R) {
        let group = self.groups.get_mut(&request.group_id);
        let consumer = group.and_then(|group| group.consumer.as_deref_mut());
        let (id, instance_id) = (&request.member_id, request.instance_id.as_deref());
        let known = match &consumer {
            Some(consumer) => consumer.leaving(id, instance_id),
            None => Err(GroupError::GroupIdNotFound),
        };
        if let Err(error) = known {
            self.effects
                .push(Effect::ConsumerHeartbeat(reply, Err(error)));
            return;
        }
        let response = ConsumerHeartbeatResponse {
            member_id: id.clone(),
            epoch: request.epoch,
            heartbeat_interval_ms: 0,
            assignment: None,
        };
        let answer = Effect::ConsumerHeartbeat(reply, Ok(response));
        match consumer.filter(|_| request.epoch == LEAVING_FOR_NOW) {
            Some(consumer) => {
                let mut records = Records::new();
                consumer.leave_for_now(id, &mut records);
                self.write(&request.group_id, Vec::new(), &records, Some(answer));
            }
            None => {
                let ids = std::slice::from_ref(id);
                self.fence_members(now, &request.group_id, ids, Some(answer));
            }
        }
    }

    /// Takes members out; the group may be a classic one after that.
    pub(in crate::group) fn fence_members(
        &mut self,
        now: Now,
        group_id: &str,
        ids: &[String],
        answer: Option<Effect<R>>,
    ) {
        if ids.is_empty() {
            self.effects.extend(answer);
            return;
        }
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, group_id);
        let group = self.groups.get_mut(group_id);
        let Some(consumer) = group.and_then(|group| group.consumer.as_deref_mut()) else {
            return;
        };
        if consumer.can_downgrade(around, ids, self.config.members_max) {
            self.downgrade(now, group_id, ids);
            self.deadlines.enter(group_id, &mut self.groups);
            self.effects.extend(answer);
            return;
        }
        let mut records = Records::new();
        consumer.fence(around, ids, &mut records);
        if !consumer.has_members()
            && let Some(group) = self.groups.get_mut(group_id)
        {
            group.state_since_ms = now.wall_ms;
        }
        self.write(group_id, Vec::new(), &records, answer);
    }

    /// What is due in a KIP-848 group; `false` if it is none.
    pub(in crate::group) fn tick_consumer(&mut self, now: Now, group_id: &str) -> bool {
        let group = self.groups.get(group_id);
        let Some(consumer) = group.and_then(|group| group.consumer.as_deref()) else {
            return false;
        };
        let overdue = consumer.overdue(now);
        self.fence_members(now, group_id, &overdue, None);
        true
    }

    /// The group as it was read from the log may be served.
    pub(in crate::group) fn consumer_loaded(&mut self, now: Now, group_id: &str) {
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, group_id);
        let group = self.groups.get_mut(group_id);
        if let Some(consumer) = group.and_then(|group| group.consumer.as_deref_mut()) {
            consumer.loaded();
            consumer.start_timers(around);
        }
    }

    fn has_consumers(&self, group_id: &str) -> bool {
        let group = self.groups.get(group_id);
        let consumer = group.and_then(|group| group.consumer.as_deref());
        consumer.is_some_and(ConsumerGroup::has_members)
    }

    /// JoinGroup of a group that has members of the new protocol; gives the reply back if it has
    /// none, and then the group is a classic one.
    pub(in crate::group) fn join_consumer(
        &mut self,
        now: Now,
        request: &JoinRequest,
        reply: R,
    ) -> Result<(), R> {
        let group_id = &request.group_id;
        if !self.has_consumers(group_id) {
            self.bury_empty_consumer(group_id);
            return Err(reply);
        }
        let is_new = request.member_id.is_empty();
        let id = if is_new {
            let prefix = request.instance_id.as_ref().unwrap_or(&request.client_id);
            self.new_member_id(&prefix.clone())
        } else {
            request.member_id.clone()
        };
        match self.try_join_consumer(now, request, &id) {
            Ok(Some((records, response))) => {
                let answer = Effect::Joined(reply, response);
                self.write(group_id, Vec::new(), &records, Some(answer));
                self.downgrade_if_possible(now, group_id);
            }
            Ok(None) => {
                let response = JoinResponse::error(GroupError::MemberIdRequired, id);
                self.effects.push(Effect::Joined(reply, response));
            }
            Err(error) => {
                let response = JoinResponse::error(error, request.member_id.clone());
                self.effects.push(Effect::Joined(reply, response));
            }
        }
        Ok(())
    }

    /// `None`: the member is to come again with the id it is given (KIP-394).
    fn try_join_consumer(
        &mut self,
        now: Now,
        request: &JoinRequest,
        id: &str,
    ) -> Result<Option<(Records, JoinResponse)>, GroupError> {
        let allowed = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        if !allowed.contains(&request.session_timeout_ms) {
            return Err(GroupError::InvalidSessionTimeout);
        }
        let policy = self.config.consumer.migration_policy;
        if !policy.upgrade && !policy.downgrade {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, &request.group_id);
        let group = self.groups.get_mut(&request.group_id);
        let Some(consumer) = group.and_then(|group| group.consumer.as_deref_mut()) else {
            return Err(GroupError::UnknownMemberId);
        };
        let is_new = request.member_id.is_empty();
        if is_new && request.instance_id.is_none() && request.requires_known_member_id {
            consumer.may_join(around, request, id)?;
            return Ok(None);
        }
        consumer.classic_join(around, request, id).map(Some)
    }

    /// A classic member may have taken the place of the last one of the new protocol.
    fn downgrade_if_possible(&mut self, now: Now, group_id: &str) {
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, group_id);
        let group = self.groups.get(group_id);
        let consumer = group.and_then(|group| group.consumer.as_deref());
        let members_max = self.config.members_max;
        if consumer.is_some_and(|consumer| consumer.can_downgrade(around, &[], members_max)) {
            self.downgrade(now, group_id, &[]);
        }
    }

    /// A group of the new protocol without members makes room for a classic one; its offsets stay.
    fn bury_empty_consumer(&mut self, group_id: &str) {
        let Some(group) = self.groups.get_mut(group_id) else {
            return;
        };
        if let Some(consumer) = group.consumer.take() {
            let mut encoded = consumer.lost_tombstones();
            let tombstones = consumer.tombstones().into_iter();
            encoded.extend(tombstones.map(|record| record.encode(group_id)));
            self.append(encoded, Waiting::Nothing);
        }
    }

    /// SyncGroup; gives the reply back if the group has no members of the new protocol.
    pub(in crate::group) fn sync_consumer(
        &mut self,
        now: Now,
        request: &SyncRequest,
        reply: R,
    ) -> Result<(), R> {
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, &request.group_id);
        let group = self.groups.get_mut(&request.group_id);
        let Some(consumer) = group.and_then(|group| group.consumer.as_deref_mut()) else {
            return Err(reply);
        };
        let response = consumer.classic_sync(around, request);
        let response = response.unwrap_or_else(SyncResponse::error);
        let answer = Effect::Synced(reply, response);
        self.write(&request.group_id, Vec::new(), &[], Some(answer));
        Ok(())
    }

    /// Heartbeat; `None` if the group has no members of the new protocol.
    pub(in crate::group) fn heartbeat_consumer(
        &mut self,
        now: Now,
        request: &HeartbeatRequest,
    ) -> Option<Result<(), GroupError>> {
        let topics = Rc::clone(&self.topics);
        let around = around!(self, topics, now, &request.group_id);
        let group = self.groups.get_mut(&request.group_id)?;
        let consumer = group.consumer.as_deref_mut()?;
        let outcome = consumer.classic_heartbeat(around, request);
        if outcome.is_err() {
            // It may have been given a deadline.
            self.deadlines.enter(&request.group_id, &mut self.groups);
        }
        Some(outcome)
    }

    /// LeaveGroup; `None` if the group has no members of the new protocol.
    pub(in crate::group) fn leave_consumer(
        &mut self,
        now: Now,
        request: &LeaveRequest,
    ) -> Option<Vec<Left>> {
        let group = self.groups.get(&request.group_id)?;
        let consumer = group.consumer.as_deref()?;
        let mut ids = Vec::new();
        let left = request.members.iter().map(|leaving| {
            let instance_id = leaving.instance_id.as_deref();
            let known = consumer.classic_leaving(&leaving.member_id, instance_id);
            Left {
                member_id: leaving.member_id.clone(),
                instance_id: leaving.instance_id.clone(),
                error: known.map(|id| ids.push(id)).err(),
            }
        });
        let left = left.collect();
        ids.sort();
        ids.dedup();
        self.fence_members(now, &request.group_id, &ids, None);
        Some(left)
    }
}

/// What a request must have whatever the group.
fn may_be_served(config: &ConsumerConfig, request: &ConsumerHeartbeat) -> Result<(), GroupError> {
    let is_empty = |text: &Option<String>| text.as_deref() == Some("");
    let is_joining = request.epoch == JOINING;
    let needs_id = request.requires_member_id || !is_joining;
    let is_complete = if is_joining {
        request.rebalance_timeout_ms.is_some()
            && request.owned.as_ref().is_some_and(|owned| owned.is_empty())
            && (request.topic_names.is_some() || request.topic_regex.is_some())
    } else {
        request.epoch > 0
            || request.epoch == LEAVING
            || request.epoch == LEAVING_FOR_NOW && request.instance_id.is_some()
    };
    if request.group_id.is_empty()
        || needs_id && request.member_id.is_empty()
        || is_empty(&request.instance_id)
        || is_empty(&request.rack_id)
        || !is_complete
    {
        return Err(GroupError::InvalidRequest);
    }
    let asked = request.server_assignor.as_deref();
    if asked.is_some_and(|name| config.assignor(name).is_none()) {
        return Err(GroupError::UnsupportedAssignor);
    }
    Ok(())
}
