//! What the codec costs for each API that clients use while they work: its request read, its
//! response written, as the broker does it, in the newest version and with the content of a usual
//! message.
//!
//! Records and other payloads go through by reference; how the cost grows with partitions is in
//! `codec.rs`.
//!
//! `cargo bench -p naru-wire --bench apis`

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use naru_wire::api::{
    api_versions, fetch, find_coordinator, join_group, list_offsets, metadata, offset_commit,
    offset_fetch, produce, sync_group,
};
use naru_wire::{
    ApiVersionsRequest, ApiVersionsResponse, EncodeError, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, HeartbeatRequest, HeartbeatResponse,
    InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    ListOffsetsRequest, ListOffsetsResponse, MetadataRequest, MetadataResponse,
    OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest, OffsetFetchResponse,
    ProduceRequest, ProduceResponse, Records, Request, Str, SyncGroupRequest, SyncGroupResponse,
    decode_any_request, encode_request, encode_response,
};

/// Of one topic.
const PARTITIONS: i32 = 12;
const BATCH_BYTES: usize = 16 << 10;
const MEMBER: &str = "rdkafka-6f9b0b1e-6d0f-4a52-9f49-0d3c8a7f8e21";

/// The bytes after the length prefix.
fn joined(frame: Result<Vec<Bytes>, EncodeError>) -> Bytes {
    Bytes::from(frame.expect("the message fits its version").concat()).slice(4..)
}

fn of_partitions<T>(make: impl Fn(i32) -> T) -> Vec<T> {
    (0..PARTITIONS).map(make).collect()
}

fn batch() -> Bytes {
    Bytes::from(vec![0; BATCH_BYTES])
}

/// Measures one API in both directions.
fn exchange<R: Request>(criterion: &mut Criterion, request: &R, response: &R::Response) {
    let version = *R::VERSIONS.end();
    let mut group = criterion.benchmark_group(format!("{:?}", R::KEY));
    // Not bytes: records are passed on, not touched, so a rate of bytes would be none.
    group.throughput(Throughput::Elements(1));
    let client = Str::from("bench");
    let frame = joined(encode_request(request, version, 1, Some(&client)));
    assert!(decode_any_request(frame.clone()).is_ok());
    group.bench_function("request_decode", |bencher| {
        bencher.iter(|| decode_any_request(black_box(frame.clone())));
    });
    assert!(encode_response(response, version, 1).is_ok());
    group.bench_function("response_encode", |bencher| {
        bencher.iter(|| encode_response(black_box(response), version, 1));
    });
}

fn records(criterion: &mut Criterion) {
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![produce::TopicProduceData {
            partition_data: of_partitions(|index| produce::PartitionProduceData {
                index,
                records: Some(batch()),
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = ProduceResponse {
        responses: vec![produce::TopicProduceResponse {
            partition_responses: of_partitions(|index| produce::PartitionProduceResponse {
                index,
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        topics: vec![fetch::FetchTopic {
            partitions: of_partitions(|partition| fetch::FetchPartition {
                partition,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = FetchResponse {
        responses: vec![fetch::FetchableTopicResponse {
            partitions: of_partitions(|partition_index| fetch::PartitionData {
                partition_index,
                records: Some(Records::from(batch())),
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);
}

fn topics(criterion: &mut Criterion) {
    let request = MetadataRequest {
        topics: Some(vec![metadata::MetadataRequestTopic {
            name: Some("orders".into()),
            ..Default::default()
        }]),
        ..Default::default()
    };
    let response = MetadataResponse {
        brokers: vec![metadata::MetadataResponseBroker {
            node_id: 0,
            host: "broker.example".into(),
            port: 9092,
            ..Default::default()
        }],
        topics: vec![metadata::MetadataResponseTopic {
            name: Some("orders".into()),
            partitions: of_partitions(|partition_index| metadata::MetadataResponsePartition {
                partition_index,
                replica_nodes: vec![0],
                isr_nodes: vec![0],
                ..Default::default()
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![list_offsets::ListOffsetsTopic {
            name: "orders".into(),
            partitions: of_partitions(|partition_index| list_offsets::ListOffsetsPartition {
                partition_index,
                timestamp: -1,
                ..Default::default()
            }),
        }],
        ..Default::default()
    };
    let response = ListOffsetsResponse {
        topics: vec![list_offsets::ListOffsetsTopicResponse {
            name: "orders".into(),
            partitions: of_partitions(|partition_index| {
                list_offsets::ListOffsetsPartitionResponse {
                    partition_index,
                    ..Default::default()
                }
            }),
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);
}

fn offsets(criterion: &mut Criterion) {
    let request = OffsetCommitRequest {
        group_id: "billing".into(),
        member_id: MEMBER.into(),
        topics: vec![offset_commit::OffsetCommitRequestTopic {
            partitions: of_partitions(|partition_index| {
                offset_commit::OffsetCommitRequestPartition {
                    partition_index,
                    ..Default::default()
                }
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = OffsetCommitResponse {
        topics: vec![offset_commit::OffsetCommitResponseTopic {
            partitions: of_partitions(|partition_index| {
                offset_commit::OffsetCommitResponsePartition {
                    partition_index,
                    ..Default::default()
                }
            }),
            ..Default::default()
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = OffsetFetchRequest {
        groups: vec![offset_fetch::OffsetFetchRequestGroup {
            group_id: "billing".into(),
            topics: Some(vec![offset_fetch::OffsetFetchRequestTopics {
                partition_indexes: of_partitions(|index| index),
                ..Default::default()
            }]),
            ..Default::default()
        }],
        ..Default::default()
    };
    let response = OffsetFetchResponse {
        groups: vec![offset_fetch::OffsetFetchResponseGroup {
            group_id: "billing".into(),
            topics: vec![offset_fetch::OffsetFetchResponseTopics {
                partitions: of_partitions(|partition_index| {
                    offset_fetch::OffsetFetchResponsePartitions {
                        partition_index,
                        ..Default::default()
                    }
                }),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);
}

fn members(criterion: &mut Criterion) {
    let request = FindCoordinatorRequest {
        coordinator_keys: vec!["billing".into()],
        ..Default::default()
    };
    let response = FindCoordinatorResponse {
        coordinators: vec![find_coordinator::Coordinator {
            key: "billing".into(),
            host: "broker.example".into(),
            port: 9092,
            ..Default::default()
        }],
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = JoinGroupRequest {
        group_id: "billing".into(),
        session_timeout_ms: 45_000,
        member_id: MEMBER.into(),
        protocol_type: "consumer".into(),
        protocols: vec![join_group::JoinGroupRequestProtocol {
            name: "range".into(),
            metadata: Bytes::from(vec![0; 64]),
        }],
        ..Default::default()
    };
    // As to the leader of twelve members.
    let response = JoinGroupResponse {
        protocol_type: Some("consumer".into()),
        protocol_name: Some("range".into()),
        leader: MEMBER.into(),
        member_id: MEMBER.into(),
        members: of_partitions(|_| join_group::JoinGroupResponseMember {
            member_id: MEMBER.into(),
            metadata: Bytes::from(vec![0; 64]),
            ..Default::default()
        }),
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = SyncGroupRequest {
        group_id: "billing".into(),
        member_id: MEMBER.into(),
        assignments: of_partitions(|_| sync_group::SyncGroupRequestAssignment {
            member_id: MEMBER.into(),
            assignment: Bytes::from(vec![0; 64]),
        }),
        ..Default::default()
    };
    let response = SyncGroupResponse {
        assignment: Bytes::from(vec![0; 64]),
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = HeartbeatRequest {
        group_id: "billing".into(),
        member_id: MEMBER.into(),
        ..Default::default()
    };
    exchange(criterion, &request, &HeartbeatResponse::default());
}

fn beginnings(criterion: &mut Criterion) {
    let request = ApiVersionsRequest {
        client_software_name: "librdkafka".into(),
        client_software_version: "2.10.0".into(),
        ..Default::default()
    };
    let response = ApiVersionsResponse {
        api_keys: (0..60)
            .map(|api_key| api_versions::ApiVersion {
                api_key,
                min_version: 0,
                max_version: 9,
            })
            .collect(),
        ..Default::default()
    };
    exchange(criterion, &request, &response);

    let request = InitProducerIdRequest {
        transactional_id: None,
        ..Default::default()
    };
    exchange(criterion, &request, &InitProducerIdResponse::default());
}

criterion_group!(benches, records, topics, offsets, members, beginnings);
criterion_main!(benches);
