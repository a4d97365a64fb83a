//! One run: topics, members, trouble, and the check of everything.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_record_batch::BatchBuilder;
use naru_runtime::sim::{Digest, Simulation};
use naru_wire::api::consumer_group_describe::ConsumerGroupDescribeRequest;
use naru_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use naru_wire::api::find_coordinator::FindCoordinatorRequest;
use uuid::Uuid;

use super::accounts::{Accounts, Counts, Part};
use super::{classic, modern, requests};
use crate::client::{Client, text};
use crate::operator::{Flushes, Operator, Story};
use crate::world::{CLIENTS, PARTITIONS, SERVER, TOPIC, World};
use crate::{producers, reader, topics};

pub const GROUP: &str = "members";
/// A topic that is deleted and made again.
pub const BRIEF: &str = "brief";

/// `group.consumer.session.timeout.ms` of the simulated broker.
pub const SESSION: Duration = Duration::from_secs(3);

const BRIEF_PARTITIONS: i32 = 2;
const BRIEF_RECORDS_MAX: u64 = 12;
/// Partitions that the topic has when it has grown.
const GROWN: i32 = 5;
const MODERN: usize = 3;
const CLASSIC: usize = 2;
const RECORDS_EVERY_MS_MAX: u64 = 400;
/// How long it may take until everything is processed when nothing breaks any more.
const ENDING_MAX: Duration = Duration::from_secs(300);

pub struct Scene {
    pub world: Rc<World>,
    pub accounts: RefCell<Accounts>,
    began: Instant,
    topic_id: Cell<Uuid>,
    partitions: Cell<i32>,
    is_done: Cell<bool>,
}

impl Scene {
    pub fn now(&self) -> Duration {
        self.world.io.now() - self.began
    }

    pub fn topic_id(&self) -> Uuid {
        self.topic_id.get()
    }

    pub fn partitions(&self) -> i32 {
        self.partitions.get()
    }

    pub fn is_done(&self) -> bool {
        self.is_done.get()
    }

    /// Until there is a coordinator: the first who asks has its topic made.
    pub async fn find_group(&self, client: &mut Client) {
        let find = FindCoordinatorRequest {
            key: text(GROUP),
            ..Default::default()
        };
        loop {
            match client.call(&find, 3).await {
                Ok(found) if found.error_code.is_none() => return,
                _ => client.hang_up().await,
            }
        }
    }

    async fn wait_for_id(&self, client: &mut Client, name: &str) -> Uuid {
        loop {
            if let Ok(Some(id)) = requests::topic_id(client, name).await {
                return id;
            }
            self.world.pause(50).await;
        }
    }
}

/// Adds partitions in the middle of it all, and has them fed.
async fn grow(scene: Rc<Scene>) {
    let world = &scene.world;
    world.pause(8_000).await;
    let mut client = Client::new(&world.io);
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: text(TOPIC),
            count: GROWN,
            assignments: None,
        }],
        timeout_ms: 5_000,
        ..Default::default()
    };
    loop {
        if let Ok(response) = client.call(&request, i16::MAX).await {
            let code = response.results[0].error_code;
            // The second: an earlier try has made them, and its answer was lost.
            if code.is_none() || code == naru_wire::ErrorCode::InvalidPartitions {
                break;
            }
        }
        world.pause(100).await;
    }
    scene.partitions.set(GROWN);
    let feeders = (PARTITIONS..GROWN).map(|partition| {
        let feeder = producers::idempotent(Rc::clone(world), partition, RECORDS_EVERY_MS_MAX);
        world.io.spawn_task(feeder)
    });
    let feeders: Vec<_> = feeders.collect();
    for feeder in feeders {
        feeder.await;
    }
}

/// Makes a topic, puts some records there, and deletes it, again and again.
async fn brief(scene: Rc<Scene>) {
    let world = &scene.world;
    let mut client = Client::new(&world.io);
    while !world.is_over() {
        topics::create(world, BRIEF, BRIEF_PARTITIONS).await;
        scene.wait_for_id(&mut client, BRIEF).await;
        for partition in 0..BRIEF_PARTITIONS {
            let mut builder = BatchBuilder::default();
            for _ in 0..1 + world.below(BRIEF_RECORDS_MAX) {
                builder.push_pair(world.io.wall_ms(), None, Some(b"0:0"));
            }
            let records = Bytes::from(builder.build().unwrap());
            let request = producers::request(BRIEF, -1, partition, records);
            while client.call(&request, 12).await.is_err() {}
        }
        world.pause(6_000).await;
        topics::delete(world, BRIEF).await;
        world.pause(500).await;
    }
}

/// Counts how often members of both protocols are there.
async fn watch(scene: Rc<Scene>) {
    let mut client = Client::new(&scene.world.io);
    let request = ConsumerGroupDescribeRequest {
        group_ids: vec![text(GROUP)],
        ..Default::default()
    };
    while !scene.world.is_over() {
        scene.world.pause(600).await;
        let Ok(response) = client.call(&request, 1).await else {
            continue;
        };
        let members = &response.groups[0].members;
        let is_classic = |member_type: i8| member_type == 0;
        let classic = members.iter().filter(|m| is_classic(m.member_type)).count();
        if classic > 0 && classic < members.len() {
            scene.accounts.borrow_mut().counts.mixed += 1;
        }
    }
}

/// Until the group has committed all that there is.
async fn all_processed(scene: &Scene) {
    for index in 0..scene.partitions() {
        let end_min = scene.world.ledger.borrow().end_min(index);
        let end = reader::read_all(&scene.world, TOPIC, index, end_min)
            .await
            .len() as i64;
        let part = Part {
            topic_id: scene.topic_id(),
            index,
        };
        while scene.accounts.borrow().committed_min(part) < end {
            scene.world.pause(100).await;
        }
        assert!(scene.accounts.borrow().are_processed(part, end));
    }
}

async fn check(scene: &Scene) {
    let mut client = Client::new(&scene.world.io);
    scene.find_group(&mut client).await;
    for index in 0..scene.partitions() {
        let part = Part {
            topic_id: scene.topic_id(),
            index,
        };
        let least = scene.accounts.borrow().committed_min(part);
        let offset = loop {
            match requests::committed(&mut client, None, part).await {
                Ok(offset) => break offset,
                Err(_) => scene.world.pause(50).await,
            }
        };
        scene.accounts.borrow().found(part, offset, least);
    }
}

pub fn run(seed: u64) -> (Digest, Story, Counts) {
    let simulation = Simulation::new(seed);
    let server = simulation.machine(SERVER);
    let clients = simulation.machine(CLIENTS);
    let world = Rc::new(World::new(clients.thread()));
    let (story, counts) = simulation.run(async {
        let flushes = Flushes::Honest;
        let mut operator = Operator::new(&simulation, server, Rc::clone(&world), flushes);
        operator.start().await;
        topics::create(&world, TOPIC, PARTITIONS).await;
        let scene = Rc::new(Scene {
            began: world.io.now(),
            world: Rc::clone(&world),
            accounts: RefCell::default(),
            topic_id: Cell::default(),
            partitions: Cell::new(PARTITIONS),
            is_done: Cell::new(false),
        });
        let mut client = Client::new(&world.io);
        scene
            .topic_id
            .set(scene.wait_for_id(&mut client, TOPIC).await);
        scene.find_group(&mut client).await;
        let io = &world.io;
        let (mut others, mut members) = (Vec::new(), Vec::new());
        for partition in 0..PARTITIONS {
            let every_ms_max = RECORDS_EVERY_MS_MAX;
            let feeder = producers::idempotent(Rc::clone(&world), partition, every_ms_max);
            others.push(io.spawn_task(feeder));
        }
        others.push(io.spawn_task(grow(Rc::clone(&scene))));
        others.push(io.spawn_task(brief(Rc::clone(&scene))));
        others.push(io.spawn_task(watch(Rc::clone(&scene))));
        for _ in 0..CLASSIC {
            others.push(io.spawn_task(classic::member(Rc::clone(&scene))));
        }
        for number in 0..MODERN {
            let instance = (number == 0).then(|| "static".to_owned());
            let member = modern::member(Rc::clone(&scene), instance);
            members.push(io.spawn_task(member));
        }
        operator.make_trouble().await;
        world.end();
        let all_ended = async {
            for other in others {
                other.await;
            }
            all_processed(&scene).await;
            scene.is_done.set(true);
            for member in members {
                member.await;
            }
        };
        let ended = io.timeout(ENDING_MAX, all_ended).await;
        assert!(ended.is_ok(), "a group is stuck though nothing is broken");
        operator.last_restart().await;
        check(&scene).await;
        let counts = scene.accounts.borrow().counts;
        (operator.story(), counts)
    });
    (simulation.digest(), story, counts)
}
