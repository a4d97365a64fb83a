//! Who makes trouble: breaks connections, cuts links, steps the clock, and ends the server in every
//! way that there is.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use naru_broker::config::{BrokerConfig, Machine as Hardware};
use naru_broker::server::SimulatedServer;
use naru_runtime::sim::{Machine, OpKind, Simulation};

use super::world::{BOOTSTRAP, CLIENTS, SERVER, World};

/// How often something happens to the server or the network.
const TROUBLES: u32 = 14;

const QUIET_MS_MAX: usize = 1_500;

/// How long a server may take to start, or to stop, when nothing interferes.
const START_OR_STOP_MAX: Duration = Duration::from_secs(60);

const SETTINGS: [(&str, &str); 12] = [
    ("log.dirs", "/data"),
    ("naru.shards", "2"),
    ("naru.memory", "64m"),
    ("socket.request.max.bytes", "1048576"),
    ("offsets.topic.num.partitions", "4"),
    ("transaction.state.log.num.partitions", "4"),
    ("group.initial.rebalance.delay.ms", "100"),
    ("group.consumer.min.session.timeout.ms", "3000"),
    ("group.consumer.session.timeout.ms", "3000"),
    ("group.consumer.min.heartbeat.interval.ms", "500"),
    ("group.consumer.heartbeat.interval.ms", "500"),
    ("auto.create.topics.enable", "false"),
];

/// Whether the disk does what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushes {
    Honest,
    /// Flushes succeed and make nothing safe.
    Lies,
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Story {
    kills: u32,
    power_cuts: u32,
    stops: u32,
    cut_starts: u32,
    resets: u32,
    cut_links: u32,
    counts: super::ledger::Counts,
}

pub struct Operator<'a> {
    simulation: &'a Simulation,
    machine: Machine,
    world: Rc<World>,
    flushes: Flushes,
    server: Option<SimulatedServer>,
    story: Story,
}

fn config() -> BrokerConfig {
    let hardware = Hardware {
        cores: 2,
        memory_bytes: 1 << 30,
        hostname: "simulated".to_owned(),
    };
    let listener = format!("PLAINTEXT://{BOOTSTRAP}");
    let settings = SETTINGS.iter().map(|(key, value)| (*key, *value));
    let settings: Vec<(String, String)> = settings
        .chain([("listeners", listener.as_str())])
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    BrokerConfig::load(None, &settings, &hardware).unwrap().0
}

impl<'a> Operator<'a> {
    pub fn new(
        simulation: &'a Simulation,
        machine: Machine,
        world: Rc<World>,
        flushes: Flushes,
    ) -> Self {
        Self {
            simulation,
            machine,
            world,
            flushes,
            server: None,
            story: Story::default(),
        }
    }

    /// Starts the server, which has to come up.
    pub async fn start(&mut self) {
        if self.flushes == Flushes::Lies {
            self.machine.with_disk(|disk| {
                disk.lie_about(OpKind::SyncData);
                disk.lie_about(OpKind::WriteDurable);
            });
        }
        let starting = SimulatedServer::start(&self.machine, config());
        let started = self.world.io.timeout(START_OR_STOP_MAX, starting).await;
        let started = started.expect("the server does not come up");
        self.server = Some(started.expect("the server does not start"));
    }

    /// Makes trouble for a while; afterwards everything works again.
    pub async fn make_trouble(&mut self) {
        for _ in 0..TROUBLES {
            self.quiet().await;
            match self.simulation.below(10) {
                0..=2 => {
                    self.story.resets += u32::from(self.simulation.reset_a_connection());
                }
                3 => self.cut_links().await,
                4 => {
                    let step_ms = self.simulation.below(20_000) as i64 - 10_000;
                    self.simulation.step_wall_clock(step_ms);
                }
                5 => self.stop().await,
                6 | 7 => self.end(End::Kill).await,
                _ => self.end(End::PowerCut).await,
            }
        }
        self.quiet().await;
    }

    /// One more end and start, so that what is checked afterwards has been on the disk.
    pub async fn last_restart(&mut self) {
        match self.simulation.below(3) {
            0 => self.stop().await,
            1 => self.end(End::Kill).await,
            _ => self.end(End::PowerCut).await,
        }
    }

    pub fn story(&self) -> Story {
        Story {
            counts: self.world.ledger.borrow().counts,
            ..self.story
        }
    }

    async fn quiet(&self) {
        let ms = self.simulation.below(QUIET_MS_MAX) as u64;
        self.world.io.sleep(Duration::from_millis(ms)).await;
    }

    async fn cut_links(&mut self) {
        self.story.cut_links += 1;
        let ways = self.simulation.below(3);
        if ways != 0 {
            self.simulation.cut_link(CLIENTS, SERVER);
        }
        if ways != 1 {
            self.simulation.cut_link(SERVER, CLIENTS);
        }
        // Long enough now and then for clients to give up, and for members to be thrown out.
        let ms = self.simulation.below(15_000) as u64;
        self.world.io.sleep(Duration::from_millis(ms)).await;
        self.simulation.mend_links();
    }

    async fn stop(&mut self) {
        self.story.stops += 1;
        if let Some(server) = self.server.take() {
            let stopped = self
                .world
                .io
                .timeout(START_OR_STOP_MAX, server.stop())
                .await;
            stopped.expect("the server does not stop");
        }
        self.machine.kill();
        self.start().await;
    }

    async fn end(&mut self, mut end: End) {
        self.server = None;
        loop {
            self.strike(end);
            if self.simulation.below(3) > 0 {
                break;
            }
            // The next end comes while the server is starting.
            self.story.cut_starts += 1;
            let ms = self.simulation.below(30) as u64 + 1;
            let starting = SimulatedServer::start(&self.machine, config());
            let started = self.world.io.timeout(Duration::from_millis(ms), starting);
            if let Ok(Err(error)) = started.await {
                panic!("the server does not start: {error}");
            }
            end = [End::Kill, End::PowerCut][self.simulation.below(2)];
        }
        self.start().await;
    }

    /// Ends the server.
    pub fn strike(&mut self, end: End) {
        match end {
            End::Kill => {
                self.story.kills += 1;
                self.machine.kill();
            }
            End::PowerCut => {
                self.story.power_cuts += 1;
                self.machine.power_cut();
                self.world.ledger.borrow_mut().power_was_cut();
            }
        }
    }
}

/// How a server ends that nobody stops.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Kill,
    PowerCut,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        write!(
            f,
            "{} kills, {} power cuts, {} stops, {} ends during a start, {} resets, {} cut links; \
             {} records safe, {} written, {} seen, {} commits, {} topics",
            self.kills,
            self.power_cuts,
            self.stops,
            self.cut_starts,
            self.resets,
            self.cut_links,
            counts.safe,
            counts.written,
            counts.seen,
            counts.commits,
            counts.topics
        )
    }
}
