//! A small story of transactions, with an end of the server at one operation of its disk: whoever
//! runs it with each operation in turn has had a kill and a power cut at every write.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use naru_runtime::sim::Simulation;

use super::clients::{committed_offset, process};
use super::producer::{Begins, Producer};
use super::scene::Scene;
use crate::client::Client;
use crate::operator::{End, Flushes, Operator};
use crate::transactions::Flow;
use crate::world::{CLIENTS, SERVER, World};

const TIMEOUT_MS: i32 = 8_000;
/// Transactions of one producer that commit.
const COMMITS: i64 = 2;
/// How closely the operations are watched.
const LOOK_EVERY: Duration = Duration::from_micros(200);
const ENDING_MAX: Duration = Duration::from_secs(120);

/// Tells the story; with `end`, the server ends after so many operations of its disk. Which of
/// them belong to the story.
pub fn told(seed: u64, end: Option<(u64, End)>) -> Range<u64> {
    let simulation = Simulation::new(seed);
    let server = simulation.machine(SERVER);
    let clients = simulation.machine(CLIENTS);
    let world = Rc::new(World::new(clients.thread()));
    simulation.run(async {
        let (machine, flushes) = (server.clone(), Flushes::Honest);
        let mut operator = Operator::new(&simulation, server, Rc::clone(&world), flushes);
        operator.start().await;
        let scene = Scene::new(&world);
        scene.create_topics().await;
        let operations = || machine.with_disk(|disk| disk.operations());
        let first = operations();
        let is_told = Rc::new(Cell::new(false));
        let telling = {
            let (scene, is_told) = (Rc::clone(&scene), Rc::clone(&is_told));
            world.io.spawn_task(async move {
                tell(&scene).await;
                is_told.set(true);
            })
        };
        if let Some((operation, end)) = end {
            machine.with_disk(|disk| disk.crash_at(operation));
            while operations() < operation && !is_told.get() {
                world.io.sleep(LOOK_EVERY).await;
            }
            operator.strike(end);
            operator.start().await;
        }
        let told = world.io.timeout(ENDING_MAX, telling).await;
        told.expect("a client is stuck though nothing is broken");
        let last = operations();
        operator.strike(End::PowerCut);
        operator.start().await;
        scene.check(&[]).await;
        first..last
    })
}

/// Three producers, one after the other under one id; each leaves a transaction open, which the
/// next one has aborted.
async fn tell(scene: &Rc<Scene>) {
    for (target, flow) in (1..).zip([Flow::Old, Flow::EpochEach, Flow::Old]) {
        let mut producer = Producer::new(scene, "processor-0".to_owned(), TIMEOUT_MS);
        let target = target * COMMITS;
        while life(scene, &mut producer, flow, target).await.is_err() {}
        // Whatever comes of it: it is not to commit.
        drop(process(&mut producer, 0, target, 1).await);
    }
    let mut last = Producer::new(scene, "processor-0".to_owned(), TIMEOUT_MS);
    last.begin_anew(Flow::EpochEach).await;
}

async fn life(
    scene: &Rc<Scene>,
    producer: &mut Producer,
    flow: Flow,
    target: i64,
) -> Result<(), Begins> {
    producer.begin_anew(flow).await;
    let mut client = Client::new(&scene.world.io);
    let mut position = committed_offset(scene, &mut client, 0).await;
    while position < target {
        process(producer, 0, position, 1).await?;
        producer.end(false).await?;
        process(producer, 0, position, 1).await?;
        producer.end(true).await?;
        position += 1;
    }
    Ok(())
}
