//! The state of a group, and how records make it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::super::records::consumer::{
    ConsumerRecord, CurrentValue, MemberValue, OwnedPartitions, Partitions, RegexValue,
};
use super::assignors::Assignor;
use super::config::ConsumerConfig;
use super::log::LogState;
use super::member::ConsumerMember;
use super::refresh::Refresh;
use super::topics::Topics;

/// The epoch of a group that nobody has joined yet: members count from the next one, since 0 is to
/// join (KAFKA-20268).
pub const NEW_GROUP_EPOCH: i32 = 1;

/// The epoch of a member whose assignment was removed; it is about to be removed, too.
const GONE: i32 = -1;

#[derive(Debug)]
pub struct ConsumerGroup {
    /// Grows with everything that may change the assignment.
    pub(super) epoch: i32,
    pub(super) metadata_hash: i64,
    /// The epoch that `target` was made for.
    pub(super) assignment_epoch: i32,
    /// When `target` was made, in ms since 1970; 0 is unknown.
    pub(super) assigned_ms: i64,
    /// By member id.
    pub(super) members: BTreeMap<String, ConsumerMember>,
    /// Member ids by instance id.
    pub(super) instances: BTreeMap<String, String>,
    /// What each member is to have.
    pub(super) target: BTreeMap<String, Partitions>,
    /// Who has a partition, to be given back or not.
    pub(super) owners: HashMap<(Uuid, i32), String>,
    /// What regular expressions matched when they were last searched for.
    pub(super) regexes: BTreeMap<String, RegexValue>,
    /// How many members are subscribed by each regular expression.
    pub(super) regex_members: BTreeMap<String, usize>,
    /// The log has a record of the group's topics, as brokers before 4.0 kept them.
    pub(super) has_partition_metadata: bool,
    // What follows is not in records.
    /// The version of the topics that `metadata_hash` was last compared with.
    pub(super) topics_seen: Option<i64>,
    pub(super) refresh: Refresh,
    pub log: LogState,
}

impl Default for ConsumerGroup {
    fn default() -> Self {
        Self {
            epoch: NEW_GROUP_EPOCH,
            metadata_hash: 0,
            assignment_epoch: NEW_GROUP_EPOCH,
            assigned_ms: 0,
            members: BTreeMap::new(),
            instances: BTreeMap::new(),
            target: BTreeMap::new(),
            owners: HashMap::new(),
            regexes: BTreeMap::new(),
            regex_members: BTreeMap::new(),
            has_partition_metadata: false,
            topics_seen: None,
            refresh: Refresh::default(),
            log: LogState::default(),
        }
    }
}

impl ConsumerGroup {
    pub fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    pub fn member_ids(&self) -> impl Iterator<Item = &String> {
        self.members.keys()
    }

    /// Every partition that a member has, to be given back or not, and whose it is.
    pub fn owners(&self) -> impl Iterator<Item = (Uuid, i32, &String)> {
        let owners = self.owners.iter();
        owners.map(|((topic, partition), member_id)| (*topic, *partition, member_id))
    }

    /// Kafka's name of the group's state.
    pub fn state(&self) -> &'static str {
        let is_reconciled =
            |member: &ConsumerMember| member.is_reconciled_to(self.assignment_epoch);
        if self.members.is_empty() {
            "Empty"
        } else if self.epoch > self.assignment_epoch {
            "Assigning"
        } else if self.members.values().all(is_reconciled) {
            "Stable"
        } else {
            "Reconciling"
        }
    }

    /// Takes one record, of a request or of the log. What the log says is taken as it comes:
    /// records that newer ones replaced may have gone from between the others (KAFKA-19862).
    pub fn apply(&mut self, record: &ConsumerRecord) {
        match record {
            ConsumerRecord::Group(Some(value)) => {
                self.epoch = value.epoch;
                self.metadata_hash = value.metadata_hash;
            }
            ConsumerRecord::TargetEpoch(Some(value)) => {
                self.assignment_epoch = value.epoch;
                self.assigned_ms = value.timestamp_ms;
            }
            // They come with the end of the group only, which is the coordinator's to see.
            ConsumerRecord::Group(None) | ConsumerRecord::TargetEpoch(None) => {}
            ConsumerRecord::PartitionMetadata(value) => {
                self.has_partition_metadata = value.is_some();
            }
            ConsumerRecord::Member(id, Some(value)) => self.take_metadata(id, value),
            ConsumerRecord::Member(id, None) => self.take_out(id),
            ConsumerRecord::Target(id, Some(partitions)) => {
                self.target.insert(id.clone(), partitions.clone());
            }
            ConsumerRecord::Target(id, None) => {
                self.target.remove(id);
            }
            ConsumerRecord::Current(id, Some(value)) => self.take_current(id, value.clone()),
            ConsumerRecord::Current(id, None) => {
                if self.members.contains_key(id) {
                    let gone = CurrentValue {
                        epoch: GONE,
                        previous_epoch: GONE,
                        ..CurrentValue::default()
                    };
                    self.take_current(id, gone);
                }
            }
            ConsumerRecord::Regex(regex, Some(value)) => {
                self.regexes.insert(regex.clone(), value.clone());
            }
            ConsumerRecord::Regex(regex, None) => {
                self.regexes.remove(regex);
            }
        }
    }

    fn take_metadata(&mut self, id: &str, value: &MemberValue) {
        self.forget_names(id);
        if let Some(instance_id) = &value.instance_id {
            self.instances.insert(instance_id.clone(), id.to_owned());
        }
        if let Some(regex) = value.regex() {
            *self.regex_members.entry(regex.to_owned()).or_default() += 1;
        }
        let member = self.members.entry(id.to_owned()).or_default();
        member.metadata = Some(value.clone());
    }

    fn take_out(&mut self, id: &str) {
        self.forget_names(id);
        if let Some(member) = self.members.remove(id) {
            self.release(id, &member.current);
        }
    }

    /// Takes a member out of what is kept by its instance and its regular expression.
    fn forget_names(&mut self, id: &str) {
        let Some(metadata) = self.members.get(id).and_then(|m| m.metadata.as_ref()) else {
            return;
        };
        if let Some(instance_id) = &metadata.instance_id
            && self.instances.get(instance_id).map(String::as_str) == Some(id)
        {
            self.instances.remove(instance_id);
        }
        if let Some(regex) = metadata.regex()
            && let Some(count) = self.regex_members.get_mut(regex)
        {
            *count -= 1;
            if *count == 0 {
                self.regex_members.remove(regex);
            }
        }
    }

    fn take_current(&mut self, id: &str, value: CurrentValue) {
        let member = self.members.entry(id.to_owned()).or_default();
        let before = std::mem::replace(&mut member.current, value.clone());
        self.release(id, &before);
        self.claim(id, &value);
    }

    fn release(&mut self, id: &str, value: &CurrentValue) {
        for partition in held(value) {
            // What another has is not this member's to let go of (KAFKA-16147).
            if self.owners.get(&partition).map(String::as_str) == Some(id) {
                self.owners.remove(&partition);
            }
        }
    }

    fn claim(&mut self, id: &str, value: &CurrentValue) {
        for partition in held(value) {
            self.owners.insert(partition, id.to_owned());
        }
    }

    /// Whether anybody but the member has a partition of what it is about to have.
    pub(super) fn conflicts(&self, id: &str, value: &CurrentValue) -> bool {
        let is_others = |owner: &String| owner != id;
        held(value).any(|partition| self.owners.get(&partition).is_some_and(is_others))
    }

    /// The log is read: what is left of members whose other records are gone is dropped, and a
    /// partition that two members claim is the one's who got it later.
    pub(super) fn loaded(&mut self) {
        self.members.retain(|_, member| member.metadata.is_some());
        self.target.retain(|id, _| self.members.contains_key(id));
        self.instances.retain(|_, id| self.members.contains_key(id));
        self.owners.clear();
        let mut later: HashMap<(Uuid, i32), (i32, &String)> = HashMap::new();
        for (id, member) in &self.members {
            for partition in held(&member.current) {
                let claim = (member.current.epoch, id);
                let earlier = later.entry(partition).or_insert(claim);
                *earlier = (*earlier).max(claim);
            }
        }
        let owners = later.into_iter();
        self.owners = owners
            .map(|(partition, (_, id))| (partition, id.clone()))
            .collect();
        for (id, member) in &mut self.members {
            let is_own = |topic: &Uuid, index: &i32| self.owners.get(&(*topic, *index)) == Some(id);
            keep(&mut member.current.assigned, is_own);
            keep(&mut member.current.pending_revocation, is_own);
        }
    }

    /// The topics that a member is subscribed to, by name and by regular expression.
    pub(super) fn subscribed_names<'a>(
        &'a self,
        metadata: &'a MemberValue,
    ) -> impl Iterator<Item = &'a str> {
        let resolved = metadata.regex().and_then(|regex| self.regexes.get(regex));
        let matched = resolved.into_iter().flat_map(|resolved| &resolved.topics);
        metadata
            .topic_names
            .iter()
            .chain(matched)
            .map(String::as_str)
    }

    /// Of those, the ids of which there are.
    pub(super) fn subscribed_ids(
        &self,
        metadata: &MemberValue,
        topics: &dyn Topics,
    ) -> BTreeSet<Uuid> {
        let names = self.subscribed_names(metadata);
        names
            .filter_map(|name| topics.named(name))
            .map(|topic| topic.id)
            .collect()
    }

    /// The topics that any member is subscribed to.
    pub fn all_subscribed_names(&self) -> BTreeSet<&str> {
        let members = self.members.values();
        members
            .flat_map(|member| self.subscribed_names(member.metadata()))
            .collect()
    }

    /// Whether a topic exists and the member is subscribed to it.
    pub(super) fn is_subscribed(
        &self,
        metadata: &MemberValue,
        topic: Uuid,
        topics: &dyn Topics,
    ) -> bool {
        let matched = metadata.regex().and_then(|regex| self.regexes.get(regex));
        topics.with_id(topic).is_some_and(|topic| {
            metadata.topic_names.contains(&*topic.name)
                || matched.is_some_and(|matched| matched.topics.contains(&*topic.name))
        })
    }

    /// The assignor that most members ask for; of several, and without any, the first configured.
    pub(super) fn assignor(&self, config: &ConsumerConfig) -> Assignor {
        let mut votes: BTreeMap<Assignor, usize> = BTreeMap::new();
        for member in self.members.values() {
            let asked = member.metadata().server_assignor.as_deref();
            if let Some(assignor) = asked.and_then(|name| config.assignor(name)) {
                *votes.entry(assignor).or_default() += 1;
            }
        }
        let most = votes.values().copied().max();
        let mut configured = config.assignors.iter().copied();
        configured
            .find(|assignor| most.is_some() && votes.get(assignor).copied() == most)
            .unwrap_or_else(|| config.default_assignor())
    }

    pub(super) fn target_of(&self, id: &str) -> Partitions {
        self.target.get(id).cloned().unwrap_or_default()
    }
}

/// All partitions that are a member's own.
pub(super) fn held(value: &CurrentValue) -> impl Iterator<Item = (Uuid, i32)> + '_ {
    let topics = value.assigned.iter().chain(&value.pending_revocation);
    topics.flat_map(|(id, epochs)| epochs.keys().map(move |index| (*id, *index)))
}

fn keep(owned: &mut OwnedPartitions, is_own: impl Fn(&Uuid, &i32) -> bool) {
    for (topic, epochs) in owned.iter_mut() {
        epochs.retain(|index, _| is_own(topic, index));
    }
    owned.retain(|_, epochs| !epochs.is_empty());
}
