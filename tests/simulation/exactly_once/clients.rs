//! Who takes part: processors, writers, and one that deletes records.

use std::rc::Rc;

use naru_wire::ErrorCode;
use naru_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic,
};
use naru_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};

use super::batches;
use super::history::Place;
use super::producer::{Begins, GROUP_KIND, Producer, find_coordinator};
use super::scene::{GROUP, OUT, OUT_PARTITIONS, Scene, TRIMMED, TRIMMED_PARTITIONS, places};
use crate::client::{Client, text};
use crate::reader;
use crate::reader::Isolation;
use crate::transactions::Flow;
use crate::world::TOPIC;

const RECORDS_MAX: u64 = 4;
const BATCHES_MAX: u64 = 5;
const PAUSE_MS_MAX: u64 = 120;
/// How long a processor that was fenced lets the other one work.
const FENCED_MS_MAX: u64 = 3_000;
const TIMEOUT_MS: i32 = 8_000;
const TRIM_EVERY_MS_MAX: u64 = 1_500;

pub fn any_flow(scene: &Scene) -> Flow {
    match scene.world.below(2) {
        0 => Flow::Old,
        _ => Flow::EpochEach,
    }
}

/// The partitions that the record made of an input's record goes to: two, so that it can be torn.
pub fn outputs(offset: i64) -> [Place; 2] {
    let place = |at: i64| Place {
        topic: OUT,
        partition: (at % i64::from(OUT_PARTITIONS)) as i32,
    };
    [place(offset), place(offset + 1)]
}

/// Where the group is, once nothing is undecided (KIP-447).
pub async fn committed_offset(scene: &Scene, client: &mut Client, partition: i32) -> i64 {
    let request = OffsetFetchRequest {
        group_id: text(GROUP),
        topics: Some(vec![OffsetFetchRequestTopic {
            name: text(TOPIC),
            partition_indexes: vec![partition],
        }]),
        require_stable: true,
        ..Default::default()
    };
    find_coordinator(client, GROUP, GROUP_KIND).await;
    loop {
        if let Ok(response) = client.call(&request, 7).await
            && response.error_code.is_none()
        {
            let partition = &response.topics[0].partitions[0];
            match partition.error_code {
                ErrorCode::None => return partition.committed_offset.max(0),
                ErrorCode::UnstableOffsetCommit => {}
                code => panic!("offsets cannot be fetched: {code:?}"),
            }
        }
        scene.world.pause(PAUSE_MS_MAX).await;
    }
}

/// One of two clients that make outputs of the same partition's input, under the same id.
pub async fn processor(scene: Rc<Scene>, partition: i32) {
    let mut producer = Producer::new(&scene, format!("processor-{partition}"), TIMEOUT_MS);
    let mut client = Client::new(&scene.world.io);
    loop {
        producer.begin_anew(any_flow(&scene)).await;
        match life(&scene, &mut producer, &mut client, partition).await {
            Ok(()) => return,
            Err(Begins) => scene.world.pause(FENCED_MS_MAX).await,
        }
    }
}

/// Until the input is at its end.
async fn life(
    scene: &Rc<Scene>,
    producer: &mut Producer,
    client: &mut Client,
    partition: i32,
) -> Result<(), Begins> {
    let mut position = committed_offset(scene, client, partition).await;
    loop {
        if scene
            .input_end(partition)
            .is_some_and(|end| position >= end)
        {
            return Ok(());
        }
        let input = reader::fetch(&scene.world, client, TOPIC, partition, position).await;
        let count = match input {
            Ok(input) => (input.len() as u64).min(1 + scene.world.below(RECORDS_MAX)) as i64,
            Err(_) => 0,
        };
        if count == 0 {
            scene.world.pause(PAUSE_MS_MAX).await;
            continue;
        }
        process(producer, partition, position, count).await?;
        match scene.world.below(12) {
            0 => producer.end(false).await?,
            1 => return Err(Begins),
            _ => {
                producer.end(true).await?;
                position += count;
            }
        }
    }
}

pub async fn process(
    producer: &mut Producer,
    partition: i32,
    position: i64,
    count: i64,
) -> Result<(), Begins> {
    producer.consumes(partition, position..position + count);
    for offset in position..position + count {
        for place in outputs(offset) {
            producer.produce(place, 1).await?;
        }
    }
    producer.send_offset(partition, position + count).await
}

/// Writes transactions that take their time, and ends them in every way.
pub async fn writer(scene: Rc<Scene>, id: &'static str, timeout_ms: i32) {
    let mut producer = Producer::new(&scene, id.to_owned(), timeout_ms);
    while !scene.world.is_over() {
        producer.begin_anew(any_flow(&scene)).await;
        while !scene.world.is_over() {
            if write(&scene, &mut producer, timeout_ms).await.is_err() {
                scene.world.pause(PAUSE_MS_MAX).await;
                break;
            }
        }
    }
    producer.begin_anew(any_flow(&scene)).await;
}

async fn write(scene: &Rc<Scene>, producer: &mut Producer, timeout_ms: i32) -> Result<(), Begins> {
    let places: Vec<Place> = places().collect();
    for _ in 0..1 + scene.world.below(BATCHES_MAX) {
        let place = places[scene.world.below(places.len() as u64) as usize];
        let count = 1 + scene.world.below(RECORDS_MAX);
        producer.produce(place, count).await?;
        scene.world.pause(PAUSE_MS_MAX).await;
    }
    match scene.world.below(10) {
        0 => Err(Begins),
        1 => {
            // About as long as it may be open.
            scene
                .world
                .pause(2 * timeout_ms.unsigned_abs() as u64)
                .await;
            producer.end(true).await
        }
        2..=3 => producer.end(false).await,
        _ => producer.end(true).await,
    }
}

/// Deletes records, also out of open transactions.
pub async fn trimmer(scene: Rc<Scene>) {
    let mut client = Client::new(&scene.world.io);
    while !scene.world.is_over() {
        scene.world.pause(TRIM_EVERY_MS_MAX).await;
        let place = Place {
            topic: TRIMMED,
            partition: scene.world.below(TRIMMED_PARTITIONS as u64) as i32,
        };
        let from = scene.history.borrow().trimmed(place);
        let Ok(fetched) = batches::fetch(&mut client, place, from, Isolation::Uncommitted).await
        else {
            continue;
        };
        let room = (fetched.high_watermark - from).max(0) as u64;
        let offset = from + scene.world.below(room + 1) as i64;
        scene.history.borrow_mut().trims(place, offset);
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: text(place.topic),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: place.partition,
                    offset,
                }],
            }],
            timeout_ms: 5_000,
        };
        let Ok(response) = client.call(&request, i16::MAX).await else {
            continue;
        };
        let deleted = &response.topics[0].partitions[0];
        if deleted.error_code.is_none() {
            assert!(deleted.low_watermark >= offset, "{deleted:?}");
            scene.history.borrow_mut().counts.trims += 1;
        }
    }
}
