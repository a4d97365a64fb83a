//! One run: the machines, the clients, the time that they have, and the last look at everything.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::time::Duration;

use naru_runtime::Handle;
use naru_runtime::sim::{Digest, Simulation};

use super::ledger::Ledger;
use super::operator::{Flushes, Operator, Story};
use super::producers::PAUSE_MS_MAX;
use super::transactions::{self, Flow, PAYMENTS, Transactions};
use super::{consumers, producers, reader, topics};

pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));
pub const BOOTSTRAP: &str = "10.0.0.1:9092";

/// What producers and consumers work on.
pub const TOPIC: &str = "orders";
pub const PARTITIONS: i32 = 3;

/// Producers of each kind, and members of the group.
const PRODUCERS: usize = 3;
const MEMBERS: usize = 2;

/// How long clients may take to come to an end when nothing breaks any more.
const ENDING_MAX: Duration = Duration::from_secs(120);

/// What all clients share.
pub struct World {
    pub io: Handle,
    pub ledger: RefCell<Ledger>,
    pub transactions: RefCell<Transactions>,
    is_over: Cell<bool>,
}

impl World {
    pub fn new(io: Handle) -> Self {
        Self {
            io,
            ledger: RefCell::default(),
            transactions: RefCell::default(),
            is_over: Cell::new(false),
        }
    }

    /// Nothing new is begun from now on.
    pub fn end(&self) {
        self.is_over.set(true);
    }

    pub fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// A number below `limit`, of the seed.
    pub fn below(&self, limit: u64) -> u64 {
        self.io.random_u64() % limit
    }

    /// Sleeps for up to so long.
    pub async fn pause(&self, ms_max: u64) {
        let pause = Duration::from_millis(self.below(ms_max) + 1);
        self.io.sleep(pause).await;
    }
}

pub fn run(seed: u64, flushes: Flushes) -> (Digest, Story) {
    let simulation = Simulation::new(seed);
    let server = simulation.machine(SERVER);
    let clients = simulation.machine(CLIENTS);
    let world = Rc::new(World::new(clients.thread()));
    let story = simulation.run(async {
        let mut operator = Operator::new(&simulation, server, Rc::clone(&world), flushes);
        operator.start().await;
        topics::create(&world, TOPIC, PARTITIONS).await;
        topics::create(&world, PAYMENTS, transactions::PARTITIONS).await;
        let io = &world.io;
        let mut tasks = Vec::new();
        for number in 0..PRODUCERS {
            let partition = number as i32 % PARTITIONS;
            let idempotent = producers::idempotent(Rc::clone(&world), partition, PAUSE_MS_MAX);
            tasks.push(io.spawn_task(idempotent));
            tasks.push(io.spawn_task(producers::plain(Rc::clone(&world), partition)));
        }
        tasks.push(io.spawn_task(producers::unanswered(Rc::clone(&world), 0)));
        for _ in 0..MEMBERS {
            tasks.push(io.spawn_task(consumers::member(Rc::clone(&world))));
        }
        tasks.push(io.spawn_task(topics::come_and_go(Rc::clone(&world))));
        for (number, flow) in [Flow::Old, Flow::EpochEach, Flow::EpochEach]
            .into_iter()
            .enumerate()
        {
            let client = transactions::transactional(Rc::clone(&world), number as u64, flow);
            tasks.push(io.spawn_task(client));
        }

        operator.make_trouble().await;
        world.end();
        let all_ended = async {
            for task in tasks {
                task.await;
            }
        };
        let ended = io.timeout(ENDING_MAX, all_ended).await;
        assert!(ended.is_ok(), "a client is stuck though nothing is broken");
        operator.last_restart().await;
        reader::check_everything(&world).await;
        transactions::check(&world).await;
        operator.story()
    });
    (simulation.digest(), story)
}
