//! What the codec costs on the messages that decide: Produce in, Fetch out, and Metadata as the
//! large cold one.
//!
//! Records go through by reference, so the figures are per request and do not grow with its bytes.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use naru_wire::api::fetch::{FetchableTopicResponse, PartitionData};
use naru_wire::api::metadata::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use naru_wire::api::produce::{PartitionProduceData, TopicProduceData};
use naru_wire::{
    EncodeError, FetchResponse, Message, MetadataResponse, ProduceRequest, Records, Str,
    decode_any_request, decode_response, encode_request, encode_response,
};

const PARTITIONS: [i32; 2] = [1, 32];
const BATCH_BYTES: usize = 16 * 1024;

/// The frame after its length prefix.
fn joined(frame: Result<Vec<Bytes>, EncodeError>) -> Bytes {
    Bytes::from(frame.expect("the message fits its version").concat()).slice(4..)
}

fn produce_request(partitions: i32) -> ProduceRequest {
    let records = Bytes::from(vec![0; BATCH_BYTES]);
    let partition_data = (0..partitions)
        .map(|index| PartitionProduceData {
            index,
            records: Some(records.clone()),
        })
        .collect();
    let topic = TopicProduceData {
        name: "orders".into(),
        partition_data,
        ..Default::default()
    };
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    }
}

fn fetch_response(partitions: i32) -> FetchResponse {
    let records = Bytes::from(vec![0; BATCH_BYTES]);
    let partitions = (0..partitions)
        .map(|partition_index| PartitionData {
            partition_index,
            records: Some(Records::from(records.clone())),
            ..Default::default()
        })
        .collect();
    let topic = FetchableTopicResponse {
        topic: "orders".into(),
        partitions,
        ..Default::default()
    };
    FetchResponse {
        responses: vec![topic],
        ..Default::default()
    }
}

fn metadata_response(topics: i32) -> MetadataResponse {
    let partition = |partition_index| MetadataResponsePartition {
        partition_index,
        replica_nodes: vec![0, 1, 2],
        isr_nodes: vec![0, 1, 2],
        ..Default::default()
    };
    let topic = |number| MetadataResponseTopic {
        name: Some(Str::from(format!("topic-{number}"))),
        partitions: (0..12).map(partition).collect(),
        ..Default::default()
    };
    let broker = |node_id| MetadataResponseBroker {
        node_id,
        host: "broker.example".into(),
        port: 9092,
        ..Default::default()
    };
    MetadataResponse {
        brokers: (0..3).map(broker).collect(),
        topics: (0..topics).map(topic).collect(),
        ..Default::default()
    }
}

fn produce(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("produce_request_decode");
    for partitions in PARTITIONS {
        // Versions 9 to 12 read alike; librdkafka sends 10.
        let frame = joined(encode_request(
            &produce_request(partitions),
            10,
            1,
            Some(&"bench".into()),
        ));
        group.throughput(Throughput::Elements(partitions as u64));
        group.bench_function(BenchmarkId::from_parameter(partitions), |bencher| {
            bencher.iter(|| decode_any_request(black_box(frame.clone())));
        });
    }
}

fn fetch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fetch_response_encode");
    for partitions in PARTITIONS {
        let response = fetch_response(partitions);
        group.throughput(Throughput::Elements(partitions as u64));
        group.bench_function(BenchmarkId::from_parameter(partitions), |bencher| {
            bencher.iter(|| encode_response(black_box(&response), 16, 1));
        });
    }
}

fn metadata(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("metadata_response");
    let response = metadata_response(100);
    let version = *MetadataResponse::VERSIONS.end();
    let frame = joined(encode_response(&response, version, 1));
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| encode_response(black_box(&response), version, 1));
    });
    group.bench_function("decode", |bencher| {
        bencher.iter(|| decode_response::<MetadataResponse>(black_box(frame.clone()), version));
    });
}

criterion_group!(benches, produce, fetch, metadata);
criterion_main!(benches);
