//! Members of a consumer group: they join, fetch from where the group is, and commit.

use std::rc::Rc;
use std::time::Duration;

use naru_bench::kafka::{Cluster, KafkaError, Member, Position};

use super::client::{Client, text};
use super::reader::{self, Nothing};
use super::world::{BOOTSTRAP, TOPIC, World};

const GROUP: &str = "group";

/// How long the group may take over a request, a rebalance with members that are gone included.
const ANSWER_MAX: Duration = Duration::from_secs(45);

const PAUSE_MS_MAX: u64 = 200;

/// Fetches and commits before the member looks whether it still is one.
const ROUNDS: u32 = 4;

/// Lives as one member after the other.
pub async fn member(world: Rc<World>) {
    while !world.is_over() {
        let life = one_life(&world);
        // A member whose server is gone may hear nothing for ever.
        match world.io.timeout(ANSWER_MAX, life).await {
            Ok(Ok(())) | Err(_) => {}
            Ok(Err(KafkaError::Unreadable { .. } | KafkaError::Version { .. })) => {
                panic!("an answer that makes no sense")
            }
            Ok(Err(_)) => world.pause(PAUSE_MS_MAX).await,
        }
    }
}

async fn one_life(world: &World) -> Result<(), KafkaError> {
    let cluster = Cluster::connect(&world.io, BOOTSTRAP).await?;
    let topics = cluster.topics(&[text(TOPIC)]).await?;
    let bootstrap = cluster.bootstrap();
    let mut member = Member::connect(&world.io, bootstrap, GROUP, topics).await?;
    let mut client = Client::new(&world.io);
    while !world.is_over() {
        let promised: Vec<i64> = (0..super::world::PARTITIONS)
            .map(|partition| world.ledger.borrow().committed_min(partition))
            .collect();
        let mut positions = member.join().await?;
        for (_, partition, offset) in &mut positions {
            let least = promised[*partition as usize];
            assert!(
                *offset >= least,
                "partition {partition}: the group is at {offset}, and had committed {least}"
            );
            *offset = (*offset).max(0);
        }
        while !world.is_over() && member.heartbeat().await? {
            for _ in 0..ROUNDS {
                consume(world, &mut client, &mut positions).await;
                member.commit(&positions).await?;
                for (_, partition, offset) in &positions {
                    world.ledger.borrow_mut().committed(*partition, *offset);
                }
                world.pause(PAUSE_MS_MAX).await;
            }
        }
    }
    member.leave().await
}

/// Takes what there is beyond the positions.
async fn consume(world: &World, client: &mut Client, positions: &mut [Position]) {
    for (topic, partition, offset) in positions {
        match reader::fetch(world, client, topic, *partition, *offset).await {
            Ok(records) => *offset += records.len() as i64,
            Err(Nothing::Lost) => {}
            Err(Nothing::Refused(error)) => {
                panic!("partition {partition} refuses {offset}: {error:?}")
            }
        }
    }
}
