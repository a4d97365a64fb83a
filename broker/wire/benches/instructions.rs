//! The codec's hot functions, for counting their instructions: a count repeats where a time does
//! not.
//!
//! `instructions --list` names them; `instructions NAME COUNT` runs one COUNT times, on fixed
//! input. Under `valgrind --tool=callgrind`, the difference between 2N and N calls, over N, is what
//! one costs. The engine's are in `engine/benches/instructions.rs`, which keeps the same contract.
//!
//! `cargo bench -p naru-wire --bench instructions -- --list`
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::process::ExitCode;

use bytes::Bytes;
use naru_wire::api::fetch::{FetchPartition, FetchTopic, FetchableTopicResponse, PartitionData};
use naru_wire::api::produce::{
    PartitionProduceData, PartitionProduceResponse, TopicProduceData, TopicProduceResponse,
};
use naru_wire::{
    FetchRequest, FetchResponse, Message, ProduceRequest, ProduceResponse, Records, Request,
    decode_any_request, encode_request, encode_response,
};

/// Of one topic, in each message.
const PARTITIONS: i32 = 12;

/// A name, and what calls the function so many times.
type Function = (&'static str, fn(u64));

const FUNCTIONS: [Function; 4] = [
    ("produce_request_decode", produce_request),
    ("produce_response_encode", produce_response),
    ("fetch_request_decode", fetch_request),
    ("fetch_response_encode", fetch_response),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench" && argument != "--list")
        .collect();
    let [name, count] = arguments.as_slice() else {
        FUNCTIONS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    let function = FUNCTIONS.iter().find(|(known, _)| known == name);
    let (Some((_, run)), Ok(count)) = (function, count.parse()) else {
        eprintln!("no function {name} to be run {count} times: --list names them");
        return ExitCode::FAILURE;
    };
    run(count);
    ExitCode::SUCCESS
}

fn decode<R: Request>(request: &R, count: u64) {
    let frame = encode_request(request, *R::VERSIONS.end(), 1, Some(&"bench".into())).unwrap();
    let frame = Bytes::from(frame.concat()).slice(4..);
    for _ in 0..count {
        black_box(decode_any_request(black_box(frame.clone())).unwrap());
    }
}

fn encode<M: Message>(response: &M, count: u64) {
    for _ in 0..count {
        black_box(encode_response(black_box(response), *M::VERSIONS.end(), 1).unwrap());
    }
}

fn batch() -> Bytes {
    Bytes::from(vec![0; 16 << 10])
}

fn produce_request(count: u64) {
    let partition = |index| PartitionProduceData {
        index,
        records: Some(batch()),
    };
    let topic = TopicProduceData {
        partition_data: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let request = ProduceRequest {
        acks: -1,
        topic_data: vec![topic],
        ..Default::default()
    };
    decode(&request, count);
}

fn produce_response(count: u64) {
    let partition = |index| PartitionProduceResponse {
        index,
        ..Default::default()
    };
    let topic = TopicProduceResponse {
        partition_responses: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let response = ProduceResponse {
        responses: vec![topic],
        ..Default::default()
    };
    encode(&response, count);
}

fn fetch_request(count: u64) {
    let partition = |partition| FetchPartition {
        partition,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    let topic = FetchTopic {
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let request = FetchRequest {
        topics: vec![topic],
        ..Default::default()
    };
    decode(&request, count);
}

fn fetch_response(count: u64) {
    let partition = |partition_index| PartitionData {
        partition_index,
        records: Some(Records::from(batch())),
        ..Default::default()
    };
    let topic = FetchableTopicResponse {
        partitions: (0..PARTITIONS).map(partition).collect(),
        ..Default::default()
    };
    let response = FetchResponse {
        responses: vec![topic],
        ..Default::default()
    };
    encode(&response, count);
}
