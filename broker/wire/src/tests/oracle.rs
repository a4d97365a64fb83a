//! Every version of every message against the `kafka-protocol` crate.
//!
//! A sampled message is encoded here, decoded and encoded again there, and the bytes must be the
//! same; then read back here, it must be the message that it was. The other crate is generated from
//! Kafka's own definitions, so agreeing with it byte for byte, in both directions, leaves no field,
//! version, tag or default to chance.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use kafka_protocol::protocol::{Decodable, Encodable, Message as Theirs};
use uuid::Uuid;

use super::{Sample, Source, for_each_message};
use crate::api::delete_groups::DeletableGroupResult;
use crate::api::describe_log_dirs::DescribeLogDirsResult;
use crate::api::offset_commit::OffsetCommitRequestTopic;
use crate::api::offset_fetch::{OffsetFetchRequestGroup, OffsetFetchRequestTopics};
use crate::api::txn_offset_commit::{TxnOffsetCommitRequestTopic, TxnOffsetCommitResponseTopic};
use crate::api::write_txn_markers::WritableTxnMarker;
use crate::field::Format;
use crate::{
    ApiKey, ApiVersionsRequest, Decoder, DeleteGroupsResponse, DescribeLogDirsResponse, Encoder,
    ErrorCode, Message, OffsetCommitRequest, OffsetFetchRequest, TxnOffsetCommitRequest,
    TxnOffsetCommitResponse, WriteTxnMarkersRequest,
};

const SAMPLES_PER_VERSION: u64 = 40;

fn encoded<M: Message>(message: &M, version: i16) -> Bytes {
    let mut encoder = Encoder::new();
    message.encode(&mut encoder, version).unwrap();
    let len = encoder.len();
    let joined = Bytes::from(encoder.finish().concat());
    assert_eq!(joined.len(), len, "the encoder knows its length");
    joined
}

fn check_round_trip<M: Message + PartialEq + Debug>(message: &M, bytes: &Bytes, version: i16) {
    let mut decoder = Decoder::new(bytes.clone());
    let read = M::decode(&mut decoder, version).unwrap();
    assert_eq!(&read, message, "version {version}");
    assert_eq!(decoder.finish(), 0, "version {version} of {message:?}");
}

fn check_against<T: Theirs + Decodable + Encodable>(
    bytes: &Bytes,
    version: i16,
    message: &dyn Debug,
) {
    let mut rest = bytes.clone();
    let theirs = T::decode(&mut rest, version)
        .unwrap_or_else(|error| panic!("version {version} of {message:?}: {error}"));
    assert!(
        rest.is_empty(),
        "version {version} of {message:?}: {} bytes left",
        rest.len()
    );
    let mut again = BytesMut::new();
    theirs.encode(&mut again, version).unwrap();
    assert_eq!(&again.freeze(), bytes, "version {version} of {message:?}");
}

fn check_message<M, T>(uncovered: &mut Vec<String>)
where
    M: Message + Sample + PartialEq + Debug,
    T: Theirs + Decodable + Encodable,
{
    for version in M::VERSIONS {
        let covered = (T::VERSIONS.min..=T::VERSIONS.max).contains(&version);
        if !covered {
            let name = std::any::type_name::<M>().rsplit("::").next().unwrap();
            uncovered.push(format!("{name} {version}"));
        }
        let format = Format {
            version,
            flexible: version >= M::FLEXIBLE,
        };
        for seed in 0..SAMPLES_PER_VERSION {
            let message = M::sample(&mut Source::new(seed), format);
            let bytes = encoded(&message, version);
            check_round_trip(&message, &bytes, version);
            if covered {
                check_against::<T>(&bytes, version, &message);
            }
        }
    }
}

#[test]
fn every_version_of_every_message_is_what_another_implementation_writes() {
    let mut uncovered = Vec::new();
    let mut messages = 0;
    macro_rules! check_all {
        ($($message:ident,)*) => {$(
            check_message::<crate::$message, kafka_protocol::messages::$message>(&mut uncovered);
            messages += 1;
        )*};
    }
    for_each_message!(check_all);
    assert_eq!(uncovered, NEWER_THAN_THE_ORACLE);
    assert_eq!(
        messages,
        2 * ApiKey::CODED.len(),
        "a message is missing from the list in mod.rs"
    );
}

/// Versions that the other crate does not have yet. Those here that add fields are written out byte
/// by byte below.
const NEWER_THAN_THE_ORACLE: [&str; 14] = [
    "TxnOffsetCommitRequest 6",
    "TxnOffsetCommitResponse 6",
    "WriteTxnMarkersRequest 2",
    "WriteTxnMarkersResponse 2",
    "ApiVersionsRequest 5",
    "ApiVersionsResponse 5",
    "DeleteGroupsRequest 3",
    "DeleteGroupsResponse 3",
    "DescribeLogDirsRequest 5",
    "DescribeLogDirsResponse 5",
    "ListOffsetsRequest 11",
    "ListOffsetsResponse 11",
    "OffsetCommitRequest 10",
    "OffsetFetchRequest 10",
];

#[test]
fn api_versions_5_names_the_broker_that_is_meant() {
    let request = ApiVersionsRequest {
        client_software_name: "a".into(),
        client_software_version: "1".into(),
        cluster_id: Some("c".into()),
        node_id: 3,
    };
    let expected = [2, b'a', 2, b'1', 2, b'c', 0, 0, 0, 3, 0];
    assert_eq!(encoded(&request, 5).as_ref(), expected);
}

#[test]
fn describe_log_dirs_5_says_what_takes_no_new_partitions() {
    let result = DescribeLogDirsResult {
        log_dir: "/d".into(),
        total_bytes: 2,
        usable_bytes: 1,
        is_cordoned: true,
        ..Default::default()
    };
    let response = DescribeLogDirsResponse {
        results: vec![result],
        ..Default::default()
    };
    // Throttle time and error; one result: error, path, no topics, both sizes, the flag, no tags.
    let mut expected = vec![0, 0, 0, 0, 0, 0, 2, 0, 0, 3, b'/', b'd', 1];
    expected.extend(2_i64.to_be_bytes());
    expected.extend(1_i64.to_be_bytes());
    expected.extend([1, 0, 0]);
    assert_eq!(encoded(&response, 5).as_ref(), expected);
}

#[test]
fn delete_groups_3_says_why() {
    let result = DeletableGroupResult {
        group_id: "g".into(),
        error_code: ErrorCode::NonEmptyGroup,
        error_message: Some("m".into()),
    };
    let response = DeleteGroupsResponse {
        throttle_time_ms: 0,
        results: vec![result],
    };
    let expected = [0, 0, 0, 0, 2, 2, b'g', 0, 68, 2, b'm', 0, 0];
    assert_eq!(encoded(&response, 3).as_ref(), expected);
}

#[test]
fn write_txn_markers_2_says_the_transaction_version() {
    let marker = WritableTxnMarker {
        producer_id: 1,
        producer_epoch: 2,
        transaction_result: true,
        topics: Vec::new(),
        coordinator_epoch: 3,
        transaction_version: 2,
    };
    let request = WriteTxnMarkersRequest {
        markers: vec![marker],
    };
    // One marker: id, epoch, result, no topics, coordinator epoch, version, tags; then tags.
    let expected = [2, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 1, 1, 0, 0, 0, 3, 2, 0, 0];
    assert_eq!(encoded(&request, 2).as_ref(), expected);
}

#[test]
fn offsets_10_name_topics_by_id() {
    let topic_id = Uuid::from_u64_pair(1, 2);
    let topic = OffsetCommitRequestTopic {
        name: "left out".into(),
        topic_id,
        partitions: Vec::new(),
    };
    let commit = OffsetCommitRequest {
        topics: vec![topic],
        ..Default::default()
    };
    // Group, generation, member, instance; then one topic: its id, no partitions, no tags.
    let mut expected = vec![1, 0xff, 0xff, 0xff, 0xff, 1, 0, 2];
    expected.extend(topic_id.as_bytes());
    expected.extend([1, 0, 0]);
    assert_eq!(encoded(&commit, 10).as_ref(), expected);

    let topic = OffsetFetchRequestTopics {
        name: "left out".into(),
        topic_id,
        partition_indexes: Vec::new(),
    };
    let group = OffsetFetchRequestGroup {
        topics: Some(vec![topic]),
        ..Default::default()
    };
    let fetch = OffsetFetchRequest {
        groups: vec![group],
        ..Default::default()
    };
    // One group: its id, member, epoch; one topic as above; the tags of the group; require_stable.
    let mut expected = vec![2, 1, 0, 0xff, 0xff, 0xff, 0xff, 2];
    expected.extend(topic_id.as_bytes());
    expected.extend([1, 0, 0, 0, 0]);
    assert_eq!(encoded(&fetch, 10).as_ref(), expected);
}

#[test]
fn transactional_offsets_6_name_topics_by_id() {
    let topic_id = Uuid::from_u64_pair(1, 2);
    let topic = TxnOffsetCommitRequestTopic {
        name: "left out".into(),
        topic_id,
        partitions: Vec::new(),
    };
    let request = TxnOffsetCommitRequest {
        topics: vec![topic],
        ..Default::default()
    };
    // Transactional id, group, producer id and epoch, generation, member, instance; then one
    // topic: its id, no partitions, no tags.
    let mut expected = vec![1, 1];
    expected.extend([0; 10]);
    expected.extend([0xff, 0xff, 0xff, 0xff, 1, 0, 2]);
    expected.extend(topic_id.as_bytes());
    expected.extend([1, 0, 0]);
    assert_eq!(encoded(&request, 6).as_ref(), expected);
    let topic = TxnOffsetCommitResponseTopic {
        name: "left out".into(),
        topic_id,
        partitions: Vec::new(),
    };
    let response = TxnOffsetCommitResponse {
        throttle_time_ms: 0,
        topics: vec![topic],
    };
    let mut expected = vec![0, 0, 0, 0, 2];
    expected.extend(topic_id.as_bytes());
    expected.extend([1, 0, 0]);
    assert_eq!(encoded(&response, 6).as_ref(), expected);
}
