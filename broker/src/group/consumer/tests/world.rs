//! A coordinator with a clock, topics and a log of its own, to be asked by tests.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use uuid::Uuid;

use super::super::messages::{ConsumerHeartbeat, ConsumerHeartbeatResponse};
use super::super::regex::TopicPattern;
use super::super::topics::{TopicInfo, Topics};
use crate::group::records::OffsetsRecord;
use crate::group::records::consumer::Partitions;
use crate::group::{
    ConsumerConfig, Coordinator, Effect, GroupConfig, GroupError, JoinRequest, JoinResponse, Now,
    SyncRequest, SyncResponse,
};

pub const GROUP: &str = "g";

/// Topics as a test makes them.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    topics: BTreeMap<String, TopicInfo>,
    pub rack: Option<String>,
    version: i64,
}

impl Cluster {
    pub fn create_with_id(&mut self, name: &str, id: Uuid, partitions: i32) {
        self.version += 1;
        let topic = TopicInfo {
            id,
            name: Arc::from(name),
            partitions,
        };
        self.topics.insert(name.to_owned(), topic);
    }

    pub fn create(&mut self, name: &str, partitions: i32) -> Uuid {
        let id = Uuid::from_u64_pair(7, self.version.unsigned_abs() + 1);
        self.create_with_id(name, id, partitions);
        id
    }

    pub fn delete(&mut self, name: &str) {
        self.version += 1;
        self.topics.remove(name);
    }

    pub fn grow(&mut self, name: &str, partitions: i32) {
        self.version += 1;
        self.topics.get_mut(name).unwrap().partitions = partitions;
    }

    pub fn all(&self) -> impl Iterator<Item = &TopicInfo> {
        self.topics.values()
    }
}

impl Topics for Cluster {
    fn named(&self, name: &str) -> Option<TopicInfo> {
        self.topics.get(name).cloned()
    }

    fn with_id(&self, id: Uuid) -> Option<TopicInfo> {
        self.topics.values().find(|topic| topic.id == id).cloned()
    }

    fn racks(&self, _id: Uuid, _partition: i32) -> Vec<String> {
        self.rack.iter().cloned().collect()
    }

    fn names(&self) -> Box<dyn Iterator<Item = Arc<str>> + '_> {
        Box::new(self.topics.values().map(|topic| Arc::clone(&topic.name)))
    }

    fn version(&self) -> i64 {
        self.version
    }
}

pub fn config() -> GroupConfig {
    GroupConfig {
        session_timeout_ms_min: 6_000,
        session_timeout_ms_max: 1_800_000,
        initial_rebalance_delay_ms: 3_000,
        members_max: 1_000,
        offsets_retention_ms: 1_000_000,
        offset_metadata_bytes_max: 4_096,
        consumer: ConsumerConfig {
            // Stories that are about it set it.
            assignment_interval_ms: 0,
            ..ConsumerConfig::default()
        },
        own: Rc::default(),
    }
}

/// Names who asked.
pub type Reply = usize;

pub struct World {
    pub groups: Coordinator<Reply>,
    pub cluster: Cluster,
    pub now: Now,
    /// Every record that was appended.
    pub log: Vec<OffsetsRecord>,
    /// Appends wait here while `holds_appends`.
    pub held: Vec<u64>,
    pub holds_appends: bool,
    /// Appends fail, and leave nothing in the log.
    pub fails_appends: bool,
    /// What was answered and not taken yet.
    pub heartbeats: BTreeMap<Reply, Result<ConsumerHeartbeatResponse, GroupError>>,
    pub joins: BTreeMap<Reply, JoinResponse>,
    pub syncs: BTreeMap<Reply, SyncResponse>,
    pub commits: BTreeMap<Reply, Vec<Result<(), GroupError>>>,
    pub deletions: BTreeMap<Reply, Result<(), GroupError>>,
    /// Searches that were asked for; done when the test says so.
    pub searches: Vec<(String, Vec<String>)>,
    next_reply: Reply,
}

impl World {
    pub fn new() -> Self {
        Self::with(config())
    }

    pub fn with(config: GroupConfig) -> Self {
        let mut count = 0;
        let new_suffix = move || {
            count += 1;
            format!("id-{count}")
        };
        let mut world = Self {
            groups: Coordinator::new(config, Box::new(new_suffix)),
            cluster: Cluster::default(),
            now: Now {
                steady_ms: 1_000,
                wall_ms: 1_700_000_000_000,
            },
            log: Vec::new(),
            held: Vec::new(),
            holds_appends: false,
            fails_appends: false,
            heartbeats: BTreeMap::new(),
            joins: BTreeMap::new(),
            syncs: BTreeMap::new(),
            commits: BTreeMap::new(),
            deletions: BTreeMap::new(),
            searches: Vec::new(),
            next_reply: 0,
        };
        world.tell_topics(true);
        world
    }

    pub fn tell_topics(&mut self, has_new: bool) {
        self.groups
            .take_topics(Rc::new(self.cluster.clone()), has_new);
    }

    pub fn create(&mut self, name: &str, partitions: i32) -> Uuid {
        let id = self.cluster.create(name, partitions);
        self.tell_topics(true);
        id
    }

    pub fn grow(&mut self, name: &str, partitions: i32) {
        self.cluster.grow(name, partitions);
        self.tell_topics(false);
    }

    pub fn delete(&mut self, name: &str) {
        self.cluster.delete(name);
        self.tell_topics(false);
    }

    /// How many requests there were.
    pub fn asked(&self) -> usize {
        self.next_reply
    }

    pub fn reply(&mut self) -> Reply {
        self.next_reply += 1;
        self.next_reply
    }

    pub fn take(&mut self, effects: Vec<Effect<Reply>>) {
        for effect in effects {
            match effect {
                Effect::ConsumerHeartbeat(reply, outcome) => {
                    self.heartbeats.insert(reply, outcome);
                }
                Effect::Joined(reply, response) => {
                    self.joins.insert(reply, response);
                }
                Effect::Synced(reply, response) => {
                    self.syncs.insert(reply, response);
                }
                Effect::Committed(reply, outcomes) => {
                    self.commits.insert(reply, outcomes);
                }
                Effect::Deleted(reply, outcome) => {
                    self.deletions.insert(reply, outcome);
                }
                Effect::Fetched(..) | Effect::OffsetsDeleted(..) => {}
                Effect::AppendInTransaction { token, .. } => self.held.push(token),
                Effect::ResolveRegexes { group_id, regexes } => {
                    self.searches.push((group_id, regexes));
                }
                Effect::Append { token, records } => {
                    if !self.fails_appends {
                        self.groups.placed(token, self.log.len() as i64);
                        self.log.extend(records);
                    }
                    self.held.push(token);
                }
            }
        }
        if !self.holds_appends {
            self.finish_appends();
        }
    }

    pub fn finish_appends(&mut self) {
        while !self.held.is_empty() {
            let token = self.held.remove(0);
            let outcome = if self.fails_appends {
                Err(GroupError::CoordinatorNotAvailable)
            } else {
                Ok(())
            };
            let effects = self.groups.appended(self.now, token, outcome);
            self.take(effects);
        }
    }

    pub fn pass_ms(&mut self, ms: i64) {
        self.now.steady_ms += ms;
        self.now.wall_ms += ms;
        let effects = self.groups.tick(self.now);
        self.take(effects);
    }

    /// Does the searches that were asked for.
    pub fn search(&mut self) {
        for (group_id, regexes) in std::mem::take(&mut self.searches) {
            let found = regexes.into_iter().map(|regex| {
                let pattern = TopicPattern::new(&regex).unwrap();
                let names = self.cluster.names();
                let matched = names.filter(|name| pattern.matches(name));
                let matched = matched.map(|name| name.to_string()).collect();
                (regex, matched)
            });
            let found = found.collect();
            let version = self.cluster.version();
            let effects = self.groups.resolved(self.now, &group_id, found, version);
            self.take(effects);
        }
    }

    pub fn send(
        &mut self,
        request: ConsumerHeartbeat,
    ) -> Result<ConsumerHeartbeatResponse, GroupError> {
        let reply = self.reply();
        let effects = self.groups.consumer_heartbeat(self.now, request, reply);
        self.take(effects);
        self.heartbeats.remove(&reply).expect("an answer")
    }

    /// Joins a group by names.
    pub fn join(&mut self, id: &str, topics: &[&str]) -> ConsumerHeartbeatResponse {
        self.send(joining(id, topics)).expect("may join")
    }

    pub fn beat(
        &mut self,
        id: &str,
        epoch: i32,
        owned: Option<&Partitions>,
    ) -> Result<ConsumerHeartbeatResponse, GroupError> {
        self.send(ConsumerHeartbeat {
            owned: owned.cloned(),
            ..staying(id, epoch)
        })
    }

    pub fn classic_join(&mut self, request: JoinRequest) -> JoinResponse {
        let reply = self.reply();
        let effects = self.groups.join(self.now, request, reply);
        self.take(effects);
        self.joins.remove(&reply).expect("an answer")
    }

    pub fn classic_sync(&mut self, id: &str, generation: i32) -> SyncResponse {
        let reply = self.reply();
        let request = SyncRequest {
            group_id: GROUP.to_owned(),
            generation,
            member_id: id.to_owned(),
            ..SyncRequest::default()
        };
        let effects = self.groups.sync(self.now, request, reply);
        self.take(effects);
        self.syncs.remove(&reply).expect("an answer")
    }

    pub fn state(&self) -> &'static str {
        self.groups.describe_consumer(GROUP).expect("a group").state
    }
}

/// A request of a member that goes on.
pub fn staying(id: &str, epoch: i32) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        group_id: GROUP.to_owned(),
        member_id: id.to_owned(),
        epoch,
        client_id: "client".to_owned(),
        client_host: "/host".to_owned(),
        requires_member_id: true,
        ..ConsumerHeartbeat::default()
    }
}

/// A request of a member that joins.
pub fn joining(id: &str, topics: &[&str]) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        rebalance_timeout_ms: Some(300_000),
        topic_names: Some(topics.iter().map(|&topic| topic.to_owned()).collect()),
        owned: Some(Partitions::new()),
        ..staying(id, 0)
    }
}

pub fn partitions(topic: Uuid, indexes: impl IntoIterator<Item = i32>) -> Partitions {
    [(topic, indexes.into_iter().collect())].into()
}
