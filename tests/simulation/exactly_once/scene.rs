//! One run: topics, clients, trouble, and the check of everything.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use naru_runtime::sim::{Digest, Simulation};

use super::clients::{self, committed_offset};
use super::history::{Counts, History, Place, Visible};
use super::logs;
use super::observer::{Seen, observer};
use crate::client::Client;
use crate::ledger::Mark;
use crate::operator::{Flushes, Operator, Story};
use crate::reader::Isolation;
use crate::world::{CLIENTS, PARTITIONS, SERVER, TOPIC, World};
use crate::{producers, reader, topics};

pub const GROUP: &str = "processors";
/// Where processors write, and writers as well.
pub const OUT: &str = "out";
pub const OUT_PARTITIONS: i32 = 3;
/// Where records are deleted.
pub const TRIMMED: &str = "trimmed";
pub const TRIMMED_PARTITIONS: i32 = 2;

/// Segments are this old at most: transactions reach over several.
const SEGMENT_MS: &str = "4000";
/// How long inputs wait for the next one.
const INPUT_EVERY_MS_MAX: u64 = 1_000;
/// How long clients may take to come to an end when nothing breaks any more.
const ENDING_MAX: Duration = Duration::from_secs(240);

pub struct Scene {
    pub world: Rc<World>,
    pub history: RefCell<History>,
    began: Instant,
    /// Where the input ends, once that is known.
    input_ends: RefCell<Option<Vec<i64>>>,
    are_writers_done: std::cell::Cell<bool>,
}

/// All partitions that transactions write to.
pub fn places() -> impl Iterator<Item = Place> {
    let of = |topic, count| (0..count).map(move |partition| Place { topic, partition });
    of(OUT, OUT_PARTITIONS).chain(of(TRIMMED, TRIMMED_PARTITIONS))
}

impl Scene {
    pub fn new(world: &Rc<World>) -> Rc<Self> {
        Rc::new(Self {
            began: world.io.now(),
            world: Rc::clone(world),
            history: RefCell::default(),
            input_ends: RefCell::default(),
            are_writers_done: std::cell::Cell::new(false),
        })
    }

    pub fn now(&self) -> Duration {
        self.world.io.now() - self.began
    }

    pub fn input_end(&self, partition: i32) -> Option<i64> {
        let ends = self.input_ends.borrow();
        ends.as_ref().map(|ends| ends[partition as usize])
    }

    pub fn are_writers_done(&self) -> bool {
        self.are_writers_done.get()
    }

    pub fn writers_are_done(&self) {
        self.are_writers_done.set(true);
    }

    pub async fn create_topics(&self) {
        let configs = [("segment.ms", SEGMENT_MS)];
        topics::create(&self.world, TOPIC, PARTITIONS).await;
        topics::create_with(&self.world, OUT, OUT_PARTITIONS, &configs).await;
        topics::create_with(&self.world, TRIMMED, TRIMMED_PARTITIONS, &configs).await;
    }

    /// Nothing more comes into the input.
    pub async fn close_input(&self) {
        let mut ends = Vec::new();
        for partition in 0..PARTITIONS {
            let input = reader::read_all(&self.world, TOPIC, partition, 0).await;
            ends.push(input.len() as i64);
        }
        self.input_ends.replace(Some(ends));
    }

    /// Compares what there is with the history, and with what observers saw on the way.
    pub async fn check(&self, observed: &[Seen]) {
        let mut all = Visible::new();
        for place in places() {
            let (start, batches) = logs::read(self, place).await;
            logs::check(&self.history.borrow(), place, start, &batches);
            let everything: Vec<(i64, Mark)> = batches
                .iter()
                .flat_map(|batch| batch.records.iter().copied())
                .filter(|(at, _)| *at >= start)
                .collect();
            let committed = self.committed(place, start).await;
            for seen in observed.iter().filter(|seen| seen.place == place) {
                let there = match seen.isolation {
                    Isolation::Committed => &committed,
                    Isolation::Uncommitted => &everything,
                };
                let of = |records: &[(i64, Mark)]| {
                    let lives = |at| (start..seen.position).contains(&at);
                    let records = records.iter().copied();
                    records.filter(|(at, _)| lives(*at)).collect::<Vec<_>>()
                };
                assert_eq!(
                    of(&seen.records),
                    of(there),
                    "{place:?}, {:?}: what was seen on the way is not what is there",
                    seen.isolation
                );
            }
            all.insert(place, (start, committed));
        }
        self.history.borrow().check(&all);
        self.check_outputs(&all).await;
    }

    /// What a consumer of committed records that comes now is given.
    async fn committed(&self, place: Place, start: i64) -> Vec<(i64, Mark)> {
        let mut client = Client::new(&self.world.io);
        let (mut offset, mut records) = (start, Vec::new());
        loop {
            let isolation = Isolation::Committed;
            let fetched = super::batches::fetch(&mut client, place, offset, isolation).await;
            let Ok(fetched) = fetched else { continue };
            records.extend(fetched.committed(offset));
            offset = fetched.next_offset().unwrap_or(offset);
            if offset == fetched.high_watermark {
                return records;
            }
        }
    }

    /// Each input below the group's offset has its outputs once, in order, and no other has any.
    async fn check_outputs(&self, all: &Visible) {
        let mut client = Client::new(&self.world.io);
        for partition in 0..PARTITIONS {
            let committed = committed_offset(self, &mut client, partition).await;
            if let Some(end) = self.input_end(partition) {
                assert_eq!(committed, end, "partition {partition} was not consumed");
            }
            let history = self.history.borrow();
            let mut outputs: BTreeMap<i64, u32> = BTreeMap::new();
            for place in all.keys().filter(|place| place.topic == OUT) {
                let inputs: Vec<i64> = all[place]
                    .1
                    .iter()
                    .filter_map(|(_, mark)| history.input_of(*place, *mark, partition))
                    .collect();
                assert!(
                    inputs.is_sorted_by(|one, next| one < next),
                    "{place:?}: outputs of partition {partition} are twice or out of order: \
                     {inputs:?}"
                );
                for input in inputs {
                    *outputs.entry(input).or_default() += 1;
                }
            }
            let whole: BTreeMap<i64, u32> = (0..committed).map(|input| (input, 2)).collect();
            assert_eq!(
                outputs, whole,
                "partition {partition} is consumed up to {committed}"
            );
        }
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
        let scene = Scene::new(&world);
        scene.create_topics().await;
        let io = &world.io;
        let mut feeders = Vec::new();
        let (mut writers, mut observers) = (Vec::new(), Vec::new());
        for partition in 0..PARTITIONS {
            let every_ms_max = INPUT_EVERY_MS_MAX;
            let feeder = producers::idempotent(Rc::clone(&world), partition, every_ms_max);
            feeders.push(io.spawn_task(feeder));
            for _ in 0..2 {
                let processor = clients::processor(Rc::clone(&scene), partition);
                writers.push(io.spawn_task(processor));
            }
        }
        for (id, timeout_ms) in [
            ("slow", 20_000),
            ("short", 1_500),
            ("two", 4_000),
            ("two", 4_000),
        ] {
            let writer = clients::writer(Rc::clone(&scene), id, timeout_ms);
            writers.push(io.spawn_task(writer));
        }
        writers.push(io.spawn_task(clients::trimmer(Rc::clone(&scene))));
        for place in places() {
            for isolation in [Isolation::Committed, Isolation::Uncommitted] {
                let observer = observer(Rc::clone(&scene), place, isolation);
                observers.push(io.spawn_task(observer));
            }
        }

        operator.make_trouble().await;
        world.end();
        let all_ended = async {
            for feeder in feeders {
                feeder.await;
            }
            scene.close_input().await;
            for writer in writers {
                writer.await;
            }
            scene.writers_are_done();
            let mut seen = Vec::new();
            for observer in observers {
                seen.push(observer.await);
            }
            seen
        };
        let seen = io.timeout(ENDING_MAX, all_ended).await;
        let seen = seen.expect("a client is stuck though nothing is broken");
        operator.last_restart().await;
        scene.check(&seen).await;
        let counts = scene.history.borrow().counts();
        (operator.story(), counts)
    });
    (simulation.digest(), story, counts)
}
