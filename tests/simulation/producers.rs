//! Producers: idempotent ones that retry until they are answered, plain ones that do not.

use std::rc::Rc;

use bytes::Bytes;
use naru_record_batch::BatchBuilder;
use naru_wire::ErrorCode;
use naru_wire::api::init_producer_id::InitProducerIdRequest;
use naru_wire::api::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, TopicProduceData,
};

use super::client::{Client, Lost, text};
use super::ledger::{Kind, Mark};
use super::world::{TOPIC, World};

/// The last version that names topics.
const VERSION_MAX: i16 = 12;

/// What a producer waits between two batches, at most.
pub const PAUSE_MS_MAX: u64 = 60;
const RECORDS_MAX: u64 = 4;
const TIMEOUT_MS: i32 = 5_000;

/// Records `first..first + count` of a producer.
fn batch(world: &World, builder: BatchBuilder, producer: u64, first: u64, count: u64) -> Bytes {
    let mut builder = builder;
    for sequence in first..first + count {
        let value = Mark { producer, sequence }.to_value();
        builder.push_pair(world.io.wall_ms(), None, Some(value.as_bytes()));
    }
    builder.build().unwrap().into()
}

pub fn request(topic: &str, acks: i16, partition: i32, records: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks,
        timeout_ms: TIMEOUT_MS,
        topic_data: vec![TopicProduceData {
            name: text(topic),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: Some(records),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

async fn produce(
    client: &mut Client,
    request: &ProduceRequest,
) -> Result<PartitionProduceResponse, Lost> {
    let mut response = client.call(request, VERSION_MAX).await?;
    Ok(response.responses.remove(0).partition_responses.remove(0))
}

async fn producer_id(client: &mut Client) -> (i64, i16) {
    let request = InitProducerIdRequest {
        transactional_id: None,
        ..Default::default()
    };
    loop {
        match client.call(&request, i16::MAX).await {
            Ok(response) if response.error_code == ErrorCode::None => {
                return (response.producer_id, response.producer_epoch);
            }
            Ok(_) => client.hang_up().await,
            Err(Lost) => {}
        }
    }
}

/// Produces with `acks=all`, and repeats each batch until it is acknowledged.
pub async fn idempotent(world: Rc<World>, partition: i32, every_ms_max: u64) {
    let producer = world.ledger.borrow_mut().enter(Kind::Idempotent, partition);
    let mut client = Client::new(&world.io);
    let (id, epoch) = producer_id(&mut client).await;
    let mut next = 0;
    while !world.is_over() {
        let count = 1 + world.below(RECORDS_MAX);
        let builder = BatchBuilder::default().producer(id, epoch, next as i32);
        let records = batch(&world, builder, producer, next, count);
        let request = request(TOPIC, -1, partition, records);
        loop {
            let Ok(answer) = produce(&mut client, &request).await else {
                continue;
            };
            match answer.error_code {
                // The second: an earlier try has made it, and its answer was lost.
                ErrorCode::None | ErrorCode::DuplicateSequenceNumber => break,
                ErrorCode::RequestTimedOut
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::UnknownTopicOrPartition => world.pause(PAUSE_MS_MAX).await,
                error => panic!("producer {producer} at {next}: {error:?}"),
            }
        }
        next += count;
        world
            .ledger
            .borrow_mut()
            .acknowledged_by_all(producer, next);
        world.pause(every_ms_max).await;
    }
}

/// Produces one record at a time with `acks=1`, and goes on to the next whatever comes.
pub async fn plain(world: Rc<World>, partition: i32) {
    let producer = world.ledger.borrow_mut().enter(Kind::Plain, partition);
    let mut client = Client::new(&world.io);
    let mut sequence = 0;
    while !world.is_over() {
        let records = batch(&world, BatchBuilder::default(), producer, sequence, 1);
        let power_cuts = world.ledger.borrow().power_cuts();
        let answer = produce(&mut client, &request(TOPIC, 1, partition, records)).await;
        let mark = Mark { producer, sequence };
        {
            let mut ledger = world.ledger.borrow_mut();
            match answer {
                // What was answered before a power cut promises nothing after it.
                Ok(answer)
                    if answer.error_code == ErrorCode::None
                        && ledger.power_cuts() == power_cuts =>
                {
                    ledger.acknowledged_by_one(partition, answer.base_offset, mark);
                }
                Ok(_) => {}
                Err(Lost) => ledger.given_up(mark),
            }
        }
        sequence += 1;
        world.pause(PAUSE_MS_MAX).await;
    }
}

/// Produces with `acks=0`.
pub async fn unanswered(world: Rc<World>, partition: i32) {
    let producer = world.ledger.borrow_mut().enter(Kind::Unanswered, partition);
    let mut client = Client::new(&world.io);
    let mut sequence = 0;
    while !world.is_over() {
        let records = batch(&world, BatchBuilder::default(), producer, sequence, 1);
        client
            .send(&request(TOPIC, 0, partition, records), VERSION_MAX)
            .await;
        sequence += 1;
        world.pause(PAUSE_MS_MAX).await;
    }
}
