//! The state of one group, and what follows from it alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;

use super::consumer::ConsumerGroup;
use super::consumer_protocol::{self, Subscriptions};
use super::member::Member;
use super::messages::JoinResponse;
use super::offsets::Offsets;
use super::records::{self, OffsetsRecord};
use super::{GroupError, Now};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// No members; there may be offsets.
    Empty,
    /// Members are asked to join (again).
    PreparingRebalance,
    /// The leader is to say who gets what.
    CompletingRebalance,
    Stable,
}

impl State {
    /// Kafka's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

pub(super) struct Group<R> {
    pub state: State,
    /// Since when it is in this state, in ms since 1970.
    pub state_since_ms: i64,
    pub generation: i32,
    pub protocol_type: Option<String>,
    pub protocol: Option<String>,
    pub leader: Option<String>,
    /// By member id.
    pub members: BTreeMap<String, Member<R>>,
    /// Member ids by instance id.
    pub instances: HashMap<String, String>,
    /// Ids that were handed out (KIP-394), and until when they may be used, by the monotonic clock.
    pub pending: HashMap<String, i64>,
    /// When a join phase or a sync phase ends at the latest, by the monotonic clock.
    pub deadline_ms: Option<i64>,
    /// The rest of the rebalance timeout that the initial delay may still be extended by,
    /// in ms; `None` outside the initial delay.
    pub initial_delay_left_ms: Option<i64>,
    /// Somebody new joined during the initial delay.
    pub has_new_member: bool,
    /// Its earliest entry in [`super::deadlines::Deadlines`], in ms of the monotonic clock: never
    /// later than [`Self::next_deadline_ms`].
    pub entered_ms: Option<i64>,
    /// The append that makes this generation's assignment durable.
    pub assignment_token: Option<u64>,
    /// What it is if it is of the consumer protocol (KIP-848). Then nothing of the classic one is
    /// set: the state is `Empty`, and there are no members here.
    pub consumer: Option<Box<ConsumerGroup>>,
    pub offsets: Offsets,
    /// Appends of offsets that are under way.
    pub pending_commits: usize,
}

impl<R> Group<R> {
    pub fn new(state_since_ms: i64) -> Self {
        Self {
            state: State::Empty,
            state_since_ms,
            generation: 0,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            instances: HashMap::new(),
            pending: HashMap::new(),
            deadline_ms: None,
            initial_delay_left_ms: None,
            has_new_member: false,
            entered_ms: None,
            assignment_token: None,
            consumer: None,
            offsets: Offsets::default(),
            pending_commits: 0,
        }
    }

    /// What removes it from the log, but for its offsets.
    pub fn tombstones(&self, group_id: &str) -> Vec<OffsetsRecord> {
        match &self.consumer {
            Some(consumer) => {
                let records = consumer.tombstones().into_iter();
                records.map(|record| record.encode(group_id)).collect()
            }
            None if self.generation > 0 => vec![records::group_tombstone(group_id)],
            None => Vec::new(),
        }
    }

    /// It is of the consumer protocol from here on; of the classic group, its offsets stay.
    pub fn become_consumer(&mut self, consumer: ConsumerGroup) {
        self.state = State::Empty;
        self.generation = 0;
        self.protocol_type = None;
        self.protocol = None;
        self.leader = None;
        self.members.clear();
        self.instances.clear();
        self.pending.clear();
        self.deadline_ms = None;
        self.initial_delay_left_ms = None;
        self.has_new_member = false;
        self.assignment_token = None;
        self.consumer = Some(Box::new(consumer));
    }

    pub fn enter(&mut self, state: State, now: Now) {
        self.state = state;
        self.state_since_ms = now.wall_ms;
    }

    /// When time alone changes something: a session, a phase or a handed out id ends. In ms of the
    /// monotonic clock.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let members = self.members.values().filter_map(Member::deadline_ms);
        let pending = self.pending.values().copied();
        let consumer = self.consumer.as_ref().and_then(|group| group.deadline_ms());
        let phases = self.deadline_ms.into_iter().chain(consumer);
        members.chain(pending).chain(phases).min()
    }

    /// The member that a request is from, checked as Kafka does: instance before member.
    pub fn member_of(
        &mut self,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> Result<&mut Member<R>, GroupError> {
        if let Some(instance_id) = instance_id {
            match self.instances.get(instance_id) {
                None => return Err(GroupError::UnknownMemberId),
                Some(known) if known != member_id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.members
            .get_mut(member_id)
            .ok_or(GroupError::UnknownMemberId)
    }

    /// Kafka's name of its state, by either protocol.
    pub fn state_name(&self) -> &'static str {
        match &self.consumer {
            Some(consumer) => consumer.state(),
            None => self.state.name(),
        }
    }

    /// The ids of its members, of either protocol.
    pub fn member_ids(&self) -> Vec<String> {
        match &self.consumer {
            Some(consumer) => consumer.member_ids().cloned().collect(),
            None => self.members.keys().cloned().collect(),
        }
    }

    /// Whether nobody is in it, by either protocol: it may have offsets all the same.
    pub fn is_without_members(&self) -> bool {
        let consumer = self.consumer.as_ref();
        self.state == State::Empty && !consumer.is_some_and(|group| group.has_members())
    }

    /// Whether its members are consumers, so that it is known what they are about.
    pub fn is_of_consumers(&self) -> bool {
        self.consumer.is_some()
            || self.protocol_type.as_deref() == Some(consumer_protocol::PROTOCOL_TYPE)
    }

    /// The topics that its members read.
    pub fn subscriptions(&self) -> Subscriptions {
        if let Some(consumer) = &self.consumer {
            let names = consumer.all_subscribed_names().into_iter();
            return Subscriptions::Topics(names.map(str::to_owned).collect());
        }
        if !self.is_of_consumers() || self.members.is_empty() {
            return Subscriptions::default();
        }
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let members = self.members.values();
        Subscriptions::of(members.map(|member| member.metadata(protocol)))
    }

    pub fn is_subscribed_to(&self, topic: &str) -> bool {
        self.subscriptions().has(topic)
    }

    pub fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub fn rebalance_timeout_ms(&self) -> i64 {
        let timeouts = self.members.values().map(|m| m.rebalance_timeout_ms);
        i64::from(timeouts.max().unwrap_or(0))
    }

    /// Whether nobody is missing. A group without members waits for none of the ids that were
    /// handed out: whoever comes with one starts the next rebalance.
    pub fn all_joined(&self) -> bool {
        self.members.is_empty()
            || self.pending.is_empty() && self.members.values().all(|m| m.joining.is_some())
    }

    /// Whether a member with these protocols can be in the group beside the others.
    pub fn accepts(
        &self,
        protocol_type: &str,
        protocols: &[(String, Bytes)],
        except: Option<&str>,
    ) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        let mut others = self
            .members
            .values()
            .filter(|m| Some(m.id.as_str()) != except)
            .peekable();
        if others.peek().is_none() {
            return true;
        }
        let others: Vec<_> = others.collect();
        self.protocol_type.as_deref() == Some(protocol_type)
            && protocols
                .iter()
                .any(|(name, _)| others.iter().all(|m| m.supports(name)))
    }

    /// The protocol that most members want first, of those that all support.
    pub fn select_protocol(&self) -> Option<String> {
        let mut members = self.members.values();
        let mut candidates: BTreeSet<&str> = members
            .next()?
            .protocols
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        for member in members {
            candidates.retain(|name| member.supports(name));
        }
        let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
        for member in self.members.values() {
            let wanted = member.protocols.iter().map(|(name, _)| name.as_str());
            if let Some(first) = wanted.into_iter().find(|name| candidates.contains(name)) {
                *votes.entry(first).or_default() += 1;
            }
        }
        let winner = votes.into_iter().max_by_key(|&(_, count)| count);
        winner.map(|(name, _)| name.to_owned())
    }

    /// What a member is told of the current generation.
    pub fn join_response(&self, member_id: &str) -> JoinResponse {
        let protocol = self.protocol.clone().unwrap_or_default();
        let members = if self.is_leader(member_id) {
            let told = self.members.values().map(|m| {
                let metadata = m.metadata(&protocol);
                (m.id.clone(), m.instance_id.clone(), metadata)
            });
            told.collect()
        } else {
            Vec::new()
        };
        JoinResponse {
            error: None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members,
        }
    }

    /// Takes a member out; somebody else leads then.
    pub fn take_out(&mut self, member_id: &str) -> Option<Member<R>> {
        let member = self.members.remove(member_id)?;
        if let Some(instance_id) = &member.instance_id
            && self
                .instances
                .get(instance_id)
                .is_some_and(|id| id == member_id)
        {
            self.instances.remove(instance_id);
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        Some(member)
    }
}
