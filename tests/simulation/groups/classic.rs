//! A classic member of the same group: it gives back everything before it joins (eager).

use std::rc::Rc;
use std::time::Duration;

use naru_bench::kafka::{Cluster, KafkaError, Member};

use super::accounts::Part;
use super::requests;
use super::scene::{GROUP, Scene};
use crate::client::{Client, text};
use crate::world::{BOOTSTRAP, TOPIC};

/// What [`Member`] asks for.
const SESSION: Duration = Duration::from_secs(10);

/// How long the group may take over a request, a rebalance with members that are gone included.
const LIFE_MAX: Duration = Duration::from_secs(90);

const PAUSE_MS_MAX: u64 = 150;

/// Comes and goes until the trouble is over: then members of the consumer protocol are alone.
pub async fn member(scene: Rc<Scene>) {
    while !scene.world.is_over() {
        scene.world.pause(6_000).await;
        let number = scene.accounts.borrow_mut().enter();
        let life = one_life(&scene, number);
        // A member whose server is gone may hear nothing for ever.
        let ended = scene.world.io.timeout(LIFE_MAX, life).await;
        scene.accounts.borrow_mut().gives_all_back(number);
        if let Ok(Err(error @ (KafkaError::Unreadable { .. } | KafkaError::Version { .. }))) = ended
        {
            panic!("an answer that makes no sense: {error}");
        }
    }
}

async fn one_life(scene: &Scene, number: u64) -> Result<(), KafkaError> {
    let world = &scene.world;
    let cluster = Cluster::connect(&world.io, BOOTSTRAP).await?;
    let topics = cluster.topics(&[text(TOPIC)]).await?;
    let bootstrap = cluster.bootstrap();
    let mut member = Member::connect(&world.io, bootstrap, GROUP, topics).await?;
    let mut client = Client::new(&world.io);
    let part = |index: &i32| Part {
        topic_id: scene.topic_id(),
        index: *index,
    };
    while !world.is_over() {
        scene.accounts.borrow_mut().gives_all_back(number);
        let least: Vec<i64> = (0..scene.partitions())
            .map(|index| scene.accounts.borrow().committed_min(part(&index)))
            .collect();
        let asked_at = scene.now();
        let mut positions = member.join().await?;
        let until = asked_at + SESSION;
        for (_, index, offset) in &mut positions {
            let (now, epoch) = (scene.now(), member.generation());
            let mut accounts = scene.accounts.borrow_mut();
            accounts.takes(part(index), number, epoch, now, until);
            let least = least.get(*index as usize).copied().unwrap_or(-1);
            accounts.found(part(index), *offset, least);
            *offset = (*offset).max(0);
        }
        loop {
            let asked_at = scene.now();
            if world.is_over() || !member.heartbeat().await? {
                break;
            }
            let until = asked_at + SESSION;
            scene.accounts.borrow_mut().lives(number, until);
            for (_, index, offset) in &mut positions {
                if scene.now() >= until {
                    return Ok(());
                }
                let fetched = requests::fetch(&mut client, part(index), *offset).await;
                let count = fetched.unwrap_or(0);
                let mut accounts = scene.accounts.borrow_mut();
                accounts.processed(part(index), *offset..*offset + count);
                *offset += count;
            }
            member.commit(&positions).await?;
            for (_, index, offset) in &positions {
                scene.accounts.borrow_mut().committed(part(index), *offset);
            }
            match world.below(40) {
                0 => return Ok(()),
                1 => {
                    scene.accounts.borrow_mut().gives_all_back(number);
                    return member.leave().await;
                }
                _ => world.pause(PAUSE_MS_MAX).await,
            }
        }
    }
    scene.accounts.borrow_mut().gives_all_back(number);
    member.leave().await
}
