//! A topic is deleted while batches are on their way to it: each is either stored, or its producer
//! hears that there is no such topic, as Kafka says it. It is never told that the disk has failed.

use naru_wire::api::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use naru_wire::{ErrorCode, decode_response, encode_request};

use crate::harness::{Broker, Raw, batch, create_topic, delete_topic, topic_id};

/// Batches that are sent before the first answer is read.
const PIPELINED: usize = 400;

fn send(connection: &mut Raw, version: i16, request: &ProduceRequest) {
    let frame: Vec<u8> = encode_request(request, version, 1, None).unwrap().concat();
    connection.send(&frame).unwrap();
}

fn receive(connection: &mut Raw, version: i16) -> ErrorCode {
    let answer = [vec![0; 4], connection.receive().unwrap()].concat();
    let (_, response): (_, ProduceResponse) = decode_response(answer.into(), version).unwrap();
    response.responses[0].partition_responses[0].error_code
}

fn race(version: i16, gone: ErrorCode) {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 2, &[]);
    let requests = [0, 1].map(|index| ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: "t".into(),
            topic_id: topic_id(&broker, "t"),
            partition_data: vec![PartitionProduceData {
                index,
                records: Some(batch(&[7; 10_000]).into()),
            }],
        }],
        ..Default::default()
    });
    let (mut writer, bootstrap) = (broker.raw(), broker.bootstrap());
    send(&mut writer, version, &requests[0]);
    assert_eq!(receive(&mut writer, version), ErrorCode::None);
    let codes = std::thread::scope(|scope| {
        let deletion = scope.spawn(move || delete_topic(&bootstrap, "t"));
        let mut codes = Vec::new();
        while !deletion.is_finished() {
            for at in 0..PIPELINED {
                send(&mut writer, version, &requests[at % 2]);
            }
            codes.extend((0..PIPELINED).map(|_| receive(&mut writer, version)));
        }
        codes
    });
    let stored = codes.iter().take_while(|code| **code == ErrorCode::None);
    let after = &codes[stored.count()..];
    // The shards take the deletion one after the other.
    let other = |code: &&ErrorCode| ![ErrorCode::None, gone].contains(*code);
    assert_eq!(after.iter().find(other), None, "version {version}");
    send(&mut writer, version, &requests[0]);
    assert_eq!(receive(&mut writer, version), gone);
}

#[test]
fn by_name() {
    race(9, ErrorCode::UnknownTopicOrPartition);
}

#[test]
fn by_id() {
    race(13, ErrorCode::UnknownTopicId);
}
