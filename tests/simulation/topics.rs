//! Topics that come and go, some under the name of one that is gone.

use std::rc::Rc;

use naru_wire::ErrorCode;
use naru_wire::api::create_topics::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};
use naru_wire::api::delete_topics::DeleteTopicsRequest;

use super::client::{Client, text};
use super::reader;
use super::world::World;

/// The last version of DeleteTopics that names topics in a list of their own.
const DELETE_VERSION_MAX: i16 = 5;

const PAUSE_MS_MAX: u64 = 400;

/// Creates a topic, however often that has to be tried.
pub async fn create(world: &World, name: &str, partitions: i32) {
    create_with(world, name, partitions, &[]).await;
}

/// As [`create`], with these configs.
pub async fn create_with(world: &World, name: &str, partitions: i32, configs: &[(&str, &str)]) {
    let mut client = Client::new(&world.io);
    world.ledger.borrow_mut().creates(name);
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: text(name),
            num_partitions: partitions,
            replication_factor: 1,
            configs: configs
                .iter()
                .map(|(name, value)| CreatableTopicConfig {
                    name: text(name),
                    value: Some(text(value)),
                })
                .collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    loop {
        let Ok(response) = client.call(&request, i16::MAX).await else {
            continue;
        };
        match response.topics[0].error_code {
            // The second: an earlier try has made it, and its answer was lost.
            ErrorCode::None | ErrorCode::TopicAlreadyExists => break,
            _ => client.hang_up().await,
        }
    }
    world.ledger.borrow_mut().created(name);
}

pub async fn delete(world: &World, name: &str) {
    let mut client = Client::new(&world.io);
    world.ledger.borrow_mut().deletes(name);
    let request = DeleteTopicsRequest {
        topic_names: vec![text(name)],
        timeout_ms: 5_000,
        ..Default::default()
    };
    loop {
        let Ok(response) = client.call(&request, DELETE_VERSION_MAX).await else {
            continue;
        };
        match response.responses[0].error_code {
            ErrorCode::None | ErrorCode::UnknownTopicOrPartition => break,
            _ => client.hang_up().await,
        }
    }
    world.ledger.borrow_mut().deleted(name);
}

/// Creates topics and deletes some of them. One that is made again under its name is empty.
pub async fn come_and_go(world: Rc<World>) {
    let mut number = 0;
    while !world.is_over() {
        number += 1;
        let name = format!("passing-{number}");
        create(&world, &name, 2).await;
        world.pause(PAUSE_MS_MAX).await;
        if world.below(3) == 0 {
            continue;
        }
        delete(&world, &name).await;
        if world.below(2) == 0 {
            create(&world, &name, 2).await;
            let records = reader::read_all(&world, &name, 0, 0).await;
            assert_eq!(records, [], "{name} was made again");
        }
        world.pause(PAUSE_MS_MAX).await;
    }
}
