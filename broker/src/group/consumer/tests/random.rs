//! Whole groups, at random: clients of both protocols that follow the rules join, leave, crash,
//! lose answers and change what they want, while topics come, grow and go and the coordinator
//! restarts.
//!
//! At every moment no partition is in two clients' hands, a group's epoch does not go back, and
//! what the log says is what is served. When it gets calm, everybody has what they are to have.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::classic::subscription;
use super::replay::replayed;
use super::world::{GROUP, Reply, World, joining, staying};
use crate::group::consumer::messages::{ConsumerHeartbeat, LEAVING, LEAVING_FOR_NOW};
use crate::group::consumer::protocol::{Assignment, encode_assignment};
use crate::group::consumer::topics::Topics;
use crate::group::records::consumer::Partitions;
use crate::group::{GroupError, HeartbeatRequest, JoinRequest, LeaveRequest, Leaving, SyncRequest};

const RUNS: u64 = 150;
const STEPS: usize = 250;
const CLIENTS_MAX: usize = 6;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// A consumer of the new protocol.
#[derive(Default)]
struct Modern {
    epoch: i32,
    instance_id: Option<String>,
    names: Vec<String>,
    regex: Option<String>,
    /// What it last said that it has, if that was answered.
    said: Option<BTreeSet<(Uuid, i32)>>,
    /// What it was last told to have.
    told: Option<Partitions>,
    /// It does not know what became of its last request, and says everything again.
    is_unsure: bool,
}

/// A consumer of the classic protocol; it gives back everything before it joins (eager).
#[derive(Default)]
struct Classic {
    generation: i32,
    /// Its JoinGroup or SyncGroup waits.
    waiting: Option<Reply>,
    phase: Phase,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Joining,
    Syncing,
    Stable,
}

enum Kind {
    Modern(Modern),
    Classic(Classic),
}

struct Client {
    id: String,
    /// What is in its hands.
    owned: BTreeSet<(Uuid, i32)>,
    kind: Kind,
}

fn flat(partitions: &Partitions) -> BTreeSet<(Uuid, i32)> {
    let topics = partitions.iter();
    topics
        .flat_map(|(id, indexes)| indexes.iter().map(|index| (*id, *index)))
        .collect()
}

fn grouped(owned: &BTreeSet<(Uuid, i32)>) -> Partitions {
    let mut partitions = Partitions::new();
    for (id, index) in owned {
        partitions.entry(*id).or_default().insert(*index);
    }
    partitions
}

struct Run {
    world: World,
    random: Random,
    clients: Vec<Client>,
    next_client: usize,
    epoch: i32,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut config = super::world::config();
        let mut random = Random(seed);
        config.consumer.assignment_interval_ms = [0, 1_000, 4_000][random.below(3)];
        let mut world = World::with(config);
        world.create("t", 3);
        world.create("u", 2);
        Self {
            world,
            random,
            clients: Vec::new(),
            next_client: 0,
            epoch: 0,
        }
    }

    fn step(&mut self) {
        let has_room = self.clients.len() < CLIENTS_MAX;
        match self.random.below(40) {
            0..=1 if has_room => self.start_modern(),
            2 if has_room => self.start_classic(),
            3 if !self.clients.is_empty() => {
                // A crash: nobody hears of it again.
                let at = self.random.below(self.clients.len());
                self.clients.swap_remove(at);
            }
            4 if !self.clients.is_empty() => {
                let at = self.random.below(self.clients.len());
                self.leave(at);
            }
            5 => {
                let partitions = 1 + self.random.below(4) as i32;
                let number = self.random.below(4);
                let name = format!("t{number}");
                if self.world.cluster.named(&name).is_none() {
                    self.world.create(&name, partitions);
                }
            }
            6 => {
                let name = ["t", "u", "t1"][self.random.below(3)];
                if let Some(topic) = self.world.cluster.named(name)
                    && topic.partitions < 9
                {
                    self.world.grow(name, topic.partitions + 1);
                }
            }
            7 => self.world.search(),
            11 if self.random.one_in(2) => {
                // It may come again, under another id.
                let name = ["u", "t0", "t1", "t2", "t3"][self.random.below(5)];
                self.world.delete(name);
                if self.random.one_in(2) {
                    self.world.create(name, 1 + self.random.below(3) as i32);
                }
            }
            8 if self.random.one_in(3) => self.restart(),
            9 if !self.clients.is_empty() => self.resubscribe(),
            10 if self.random.one_in(4) => {
                // A silence in which sessions may end; whoever lives is heard of again first.
                self.world.now.steady_ms += 20_000;
                self.world.now.wall_ms += 20_000;
                self.everybody(true);
                self.world.pass_ms(0);
            }
            _ if !self.clients.is_empty() => {
                let at = self.random.below(self.clients.len());
                let is_lost = self.random.one_in(6);
                self.act(at, is_lost);
            }
            _ => {}
        }
        let passed_ms = self.random.below(800) as i64;
        self.world.pass_ms(passed_ms);
        self.keep_alive();
        self.check();
    }

    /// Clients are heard of often enough to live.
    fn keep_alive(&mut self) {
        if self.world.now.steady_ms % 5 == 0 {
            self.everybody(true);
        }
    }

    fn everybody(&mut self, is_answered: bool) {
        let mut at = 0;
        // Some give up.
        while at < self.clients.len() {
            self.act(at, !is_answered);
            self.check();
            at += 1;
        }
    }

    fn new_id(&mut self) -> String {
        self.next_client += 1;
        format!("c{}", self.next_client)
    }

    fn start_modern(&mut self) {
        let id = self.new_id();
        let mut modern = Modern::default();
        (modern.names, modern.regex) = self.wanted();
        if self.random.one_in(3) {
            let number = self.random.below(3);
            modern.instance_id = Some(format!("i{number}"));
        }
        self.clients.push(Client {
            id,
            owned: BTreeSet::new(),
            kind: Kind::Modern(modern),
        });
    }

    fn start_classic(&mut self) {
        self.clients.push(Client {
            id: String::new(),
            owned: BTreeSet::new(),
            kind: Kind::Classic(Classic::default()),
        });
    }

    fn wanted(&mut self) -> (Vec<String>, Option<String>) {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        match self.random.below(5) {
            0 => (names(&["u"]), None),
            1 => (names(&["t", "u"]), None),
            2 => (Vec::new(), Some("t.*".to_owned())),
            3 => (names(&["u"]), Some("t[0-9]".to_owned())),
            _ => (names(&["t"]), None),
        }
    }

    fn resubscribe(&mut self) {
        let at = self.random.below(self.clients.len());
        let (names, regex) = self.wanted();
        if let Kind::Modern(modern) = &mut self.clients[at].kind {
            modern.names = names;
            modern.regex = regex;
            modern.is_unsure = true;
        }
    }

    fn restart(&mut self) {
        let served = self.world.groups.describe_consumer(GROUP);
        let restarted = replayed(&self.world);
        assert_eq!(
            restarted.describe_consumer(GROUP),
            served,
            "the log says it"
        );
        let is_settled = |description: &crate::group::Description| description.state == "Stable";
        if self
            .world
            .groups
            .describe(GROUP)
            .as_ref()
            .is_none_or(is_settled)
        {
            self.world.groups = restarted;
            self.world.searches.clear();
        }
    }

    fn leave(&mut self, at: usize) {
        let client = self.clients.swap_remove(at);
        match client.kind {
            Kind::Modern(modern) if modern.epoch > 0 => {
                let is_static = modern.instance_id.is_some();
                let epoch = if is_static { LEAVING_FOR_NOW } else { LEAVING };
                let request = ConsumerHeartbeat {
                    instance_id: modern.instance_id,
                    ..staying(&client.id, epoch)
                };
                let _ = self.world.send(request);
            }
            Kind::Modern(_) => {}
            Kind::Classic(_) => {
                let members = vec![Leaving {
                    member_id: client.id,
                    instance_id: None,
                }];
                let group_id = GROUP.to_owned();
                let request = LeaveRequest { group_id, members };
                let (_, effects) = self.world.groups.leave(self.world.now, &request);
                self.world.take(effects);
            }
        }
    }

    /// A client does what is next for it; `is_lost` says that no answer reaches it.
    fn act(&mut self, at: usize, is_lost: bool) {
        match &self.clients[at].kind {
            Kind::Modern(_) => self.beat(at, is_lost),
            Kind::Classic(_) => self.act_classic(at),
        }
    }

    fn beat(&mut self, at: usize, is_lost: bool) {
        let gives_back = !self.random.one_in(3);
        let client = &mut self.clients[at];
        let Kind::Modern(modern) = &mut client.kind else {
            return;
        };
        if let Some(told) = &modern.told {
            let told = flat(told);
            // What is to go may take a while; what is new is taken when that is done.
            if gives_back || client.owned.is_subset(&told) {
                client.owned = told;
            }
        }
        let says_all = modern.epoch == 0 || modern.is_unsure;
        // What has not changed since it was heard need not be said.
        let is_quiet = modern.said.as_ref() == Some(&client.owned);
        let names: Vec<&str> = modern.names.iter().map(String::as_str).collect();
        let full = joining(&client.id, &names);
        let request = ConsumerHeartbeat {
            epoch: modern.epoch,
            instance_id: modern.instance_id.clone(),
            rebalance_timeout_ms: full.rebalance_timeout_ms.filter(|_| says_all),
            topic_names: full.topic_names.filter(|_| says_all),
            topic_regex: Some(modern.regex.clone().unwrap_or_default()).filter(|_| says_all),
            owned: Some(grouped(&client.owned)).filter(|_| says_all || !is_quiet),
            ..staying(&client.id, modern.epoch)
        };
        modern.said = Some(client.owned.clone()).filter(|_| !is_lost);
        let before = modern.epoch;
        let outcome = self.world.send(request);
        let client = &mut self.clients[at];
        let Kind::Modern(modern) = &mut client.kind else {
            return;
        };
        if is_lost {
            modern.is_unsure = true;
            return;
        }
        match outcome {
            Ok(response) => {
                assert!(
                    response.epoch >= before,
                    "a member's epoch does not go back"
                );
                modern.epoch = response.epoch;
                modern.is_unsure = false;
                if response.assignment.is_some() {
                    modern.told = response.assignment;
                }
            }
            Err(GroupError::UnreleasedInstanceId | GroupError::FencedInstanceId) => {
                // Another has its place: it gives up.
                self.clients.swap_remove(at);
            }
            Err(_) => {
                client.owned.clear();
                modern.told = None;
                modern.epoch = 0;
            }
        }
    }

    fn act_classic(&mut self, at: usize) {
        let client = &mut self.clients[at];
        let Kind::Classic(classic) = &mut client.kind else {
            return;
        };
        if let Some(reply) = classic.waiting {
            if let Some(joined) = self.world.joins.remove(&reply) {
                classic.waiting = None;
                match joined.error {
                    None => {
                        classic.generation = joined.generation;
                        classic.phase = Phase::Syncing;
                        client.id.clone_from(&joined.member_id);
                        let assignments = self.lead(&joined);
                        self.sync(at, assignments);
                    }
                    Some(GroupError::MemberIdRequired) => client.id = joined.member_id,
                    Some(GroupError::RebalanceInProgress) => {}
                    Some(_) => client.id.clear(),
                }
            } else if let Some(synced) = self.world.syncs.remove(&reply) {
                classic.waiting = None;
                classic.phase = Phase::Joining;
                if synced.error.is_none() {
                    classic.phase = Phase::Stable;
                    let assignment = Assignment::decode(&synced.assignment).unwrap();
                    client.owned = flat(&assignment.partitions(&self.world.cluster));
                }
            }
            return;
        }
        match classic.phase {
            Phase::Joining => {
                client.owned.clear();
                let request = JoinRequest {
                    group_id: GROUP.to_owned(),
                    member_id: client.id.clone(),
                    client_id: "classic".to_owned(),
                    session_timeout_ms: 45_000,
                    rebalance_timeout_ms: 60_000,
                    protocol_type: "consumer".to_owned(),
                    protocols: vec![("range".to_owned(), subscription(&["t"], &[]))],
                    requires_known_member_id: true,
                    ..JoinRequest::default()
                };
                let reply = self.world.reply();
                let Kind::Classic(classic) = &mut self.clients[at].kind else {
                    return;
                };
                classic.waiting = Some(reply);
                let effects = self.world.groups.join(self.world.now, request, reply);
                self.world.take(effects);
            }
            Phase::Syncing => self.sync(at, Vec::new()),
            Phase::Stable => {
                let request = HeartbeatRequest {
                    group_id: GROUP.to_owned(),
                    generation: classic.generation,
                    member_id: client.id.clone(),
                    instance_id: None,
                };
                match self.world.groups.heartbeat(self.world.now, &request) {
                    Ok(()) => {}
                    Err(GroupError::RebalanceInProgress) => classic.phase = Phase::Joining,
                    Err(_) => {
                        client.owned.clear();
                        classic.phase = Phase::Joining;
                        client.id.clear();
                    }
                }
            }
        }
    }

    /// What a leader assigns: everything to everybody in turn.
    fn lead(&self, joined: &crate::group::JoinResponse) -> Vec<(String, bytes::Bytes)> {
        if joined.leader != joined.member_id || joined.members.is_empty() {
            return Vec::new();
        }
        let topic = self.world.cluster.named("t").unwrap();
        let mut shares: BTreeMap<&str, Partitions> = BTreeMap::new();
        for index in 0..topic.partitions {
            let member = index as usize % joined.members.len();
            let (id, ..) = &joined.members[member];
            let share = shares.entry(id).or_default();
            share.entry(topic.id).or_default().insert(index);
        }
        let encoded = shares.into_iter().map(|(id, share)| {
            let bytes = encode_assignment(1, &share, &self.world.cluster);
            (id.to_owned(), bytes)
        });
        encoded.collect()
    }

    fn sync(&mut self, at: usize, assignments: Vec<(String, bytes::Bytes)>) {
        let reply = self.world.reply();
        let client = &mut self.clients[at];
        let Kind::Classic(classic) = &mut client.kind else {
            return;
        };
        classic.waiting = Some(reply);
        let request = SyncRequest {
            group_id: GROUP.to_owned(),
            generation: classic.generation,
            member_id: client.id.clone(),
            assignments,
            ..SyncRequest::default()
        };
        let effects = self.world.groups.sync(self.world.now, request, reply);
        self.world.take(effects);
    }

    fn check(&mut self) {
        let mut hands = BTreeMap::new();
        for client in &self.clients {
            for partition in &client.owned {
                if let Some(other) = hands.insert(partition, &client.id) {
                    panic!("{partition:?} is in the hands of {other} and {}", client.id);
                }
            }
        }
        let Some(description) = self.world.groups.describe_consumer(GROUP) else {
            self.epoch = 0;
            return;
        };
        assert!(
            description.epoch >= self.epoch,
            "a group's epoch only grows"
        );
        self.epoch = description.epoch;
        assert!(description.assignment_epoch <= description.epoch);
    }

    /// Nothing changes any more: everybody gets what they are to have.
    fn calm_down(&mut self) {
        for _ in 0..60 {
            self.everybody(true);
            self.world.search();
            self.world.pass_ms(4_000);
            self.check();
        }
        if self.clients.is_empty() {
            return;
        }
        let mut wanted = BTreeSet::new();
        for client in &self.clients {
            match &client.kind {
                Kind::Modern(modern) => {
                    let regex = modern.regex.as_deref().unwrap_or("-");
                    let pattern = crate::group::TopicPattern::new(regex).unwrap();
                    for topic in self.world.cluster.all() {
                        let is_named = modern.names.iter().any(|name| **name == *topic.name);
                        if is_named || pattern.matches(&topic.name) {
                            wanted.extend((0..topic.partitions).map(|index| (topic.id, index)));
                        }
                    }
                }
                Kind::Classic(_) => {
                    let topic = self.world.cluster.named("t").unwrap();
                    wanted.extend((0..topic.partitions).map(|index| (topic.id, index)));
                }
            }
        }
        let hands = self.clients.iter().flat_map(|client| client.owned.iter());
        let hands: BTreeSet<(Uuid, i32)> = hands.copied().collect();
        match self.world.groups.describe_consumer(GROUP) {
            Some(description) => {
                assert_eq!(description.state, "Stable");
                assert_eq!(hands, wanted, "everything is somebody's");
                for client in &self.clients {
                    let member = description
                        .members
                        .iter()
                        .find(|m| m.member_id == client.id);
                    let member = member.expect("it is in the group");
                    assert_eq!(client.owned, flat(&member.target));
                    assert_eq!(member.assigned, member.target);
                }
                let restarted = replayed(&self.world).describe_consumer(GROUP);
                assert_eq!(restarted, Some(description));
            }
            None => {
                let description = self.world.groups.describe(GROUP).expect("a group");
                assert_eq!(description.state, "Stable");
            }
        }
    }
}

#[test]
fn whole_groups_at_random_keep_every_promise() {
    let mut has_mixed = 0;
    for seed in 0..RUNS {
        let mut run = Run::new(seed);
        for _ in 0..STEPS {
            run.step();
            let description = run.world.groups.describe_consumer(GROUP);
            let members = description.map(|d| d.members).unwrap_or_default();
            let classic = members.iter().filter(|m| m.is_classic).count();
            has_mixed += usize::from(classic > 0 && classic < members.len());
        }
        run.calm_down();
    }
    assert!(has_mixed > 1_000, "groups of both protocols are among them");
}
