//! Whole frames: headers, the length in front, and what is kept by reference on the way.

use bytes::Bytes;

use crate::api::api_versions::{ApiVersion, SupportedFeatureKey};
use crate::api::fetch::{FetchableTopicResponse, PartitionData};
use crate::api::produce::{
    PartitionProduceData, PartitionProduceResponse, TopicProduceData, TopicProduceResponse,
};
use crate::{
    AnyRequest, ApiKey, ApiVersionsRequest, ApiVersionsResponse, DecodeError, Decoder, EncodeError,
    Encoder, ErrorCode, FetchResponse, Message, MetadataRequest, ProduceRequest, ProduceResponse,
    Records, RequestHeader, Str, decode_any_request, decode_response, encode_request,
    encode_response, encode_response_and_errors,
};

fn body_of(frame: Vec<Bytes>) -> Bytes {
    let joined = Bytes::from(frame.concat());
    let len = i32::from_be_bytes(joined[..4].try_into().unwrap());
    assert_eq!(
        len as usize,
        joined.len() - 4,
        "the length prefix counts what follows it"
    );
    joined.slice(4..)
}

#[test]
fn a_request_comes_out_as_it_went_in() {
    let request = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    for version in [1, 8, 9, 13] {
        let frame = encode_request(&request, version, 42, Some(&Str::from("naru"))).unwrap();
        let (header, read) = decode_any_request(body_of(frame)).unwrap();
        assert_eq!(
            (header.api_key, header.api_version, header.correlation_id),
            (3, version, 42)
        );
        assert_eq!(header.client_id.as_deref(), Some("naru"));
        assert_eq!(read, AnyRequest::Metadata(request.clone()));
    }
}

#[test]
fn the_records_of_a_produce_are_a_slice_of_the_frame() {
    let records = Bytes::from(vec![7; 5000]);
    let partition = PartitionProduceData {
        index: 0,
        records: Some(records.clone()),
    };
    let topic = TopicProduceData {
        name: "ferry".into(),
        partition_data: vec![partition],
        ..Default::default()
    };
    let request = ProduceRequest {
        topic_data: vec![topic],
        ..Default::default()
    };
    let frame = body_of(encode_request(&request, 9, 1, None).unwrap());

    let (_, AnyRequest::Produce(read)) = decode_any_request(frame.clone()).unwrap() else {
        panic!("not a produce request");
    };
    let slice = read.topic_data[0].partition_data[0]
        .records
        .clone()
        .unwrap();
    assert_eq!(slice, records);
    assert!(
        frame.as_ptr_range().contains(&slice.as_ptr()),
        "the records were copied"
    );
}

#[test]
fn the_records_of_a_fetch_are_sent_from_where_they_lie() {
    let pieces = [Bytes::from(vec![1; 4096]), Bytes::from(vec![2; 8192])];
    let partitions = (0..3)
        .map(|partition_index| PartitionData {
            partition_index,
            records: Some(Records::from(pieces.to_vec())),
            ..Default::default()
        })
        .collect();
    let topic = FetchableTopicResponse {
        topic: "ferry".into(),
        partitions,
        ..Default::default()
    };
    let response = FetchResponse {
        responses: vec![topic],
        ..Default::default()
    };

    let frame = encode_response(&response, 12, 9).unwrap();
    let by_reference = frame
        .iter()
        .filter(|piece| pieces.iter().any(|own| own.as_ptr() == piece.as_ptr()))
        .count();
    assert_eq!(by_reference, 6);
    // A head, a gap before each partition but the first, and the end: nothing is chopped smaller
    // than that.
    assert_eq!(frame.len() - by_reference, 4);

    let (header, read) = decode_response::<FetchResponse>(body_of(frame), 12).unwrap();
    assert_eq!(header.correlation_id, 9);
    assert_eq!(read, response);
}

#[test]
fn the_response_header_of_api_versions_never_has_tags() {
    // KIP-511: the client reads this answer before it knows which header the broker would choose.
    for version in ApiVersionsResponse::VERSIONS {
        let frame = body_of(encode_response(&ApiVersionsResponse::default(), version, 5).unwrap());
        assert_eq!(
            frame[..6],
            [0, 0, 0, 5, 0, 0],
            "correlation id, then at once the error code"
        );
    }
    let flexible = body_of(encode_response(&crate::MetadataResponse::default(), 9, 5).unwrap());
    assert_eq!(
        flexible[..9],
        [0, 0, 0, 5, 0, 0, 0, 0, 0],
        "correlation id, no tags, throttle time"
    );
}

#[test]
fn api_versions_of_the_future_can_still_be_answered() {
    // Version 99 with a header that no one can read yet.
    let frame = Bytes::from_static(&[0, 18, 0, 99, 0, 0, 1, 0, 0xff, 0xff, 0xff]);
    let error = decode_any_request(frame.clone()).unwrap_err();
    assert_eq!(
        error,
        DecodeError::UnsupportedVersion {
            key: 18,
            version: 99
        }
    );
    let header = RequestHeader::peek(&frame).unwrap();
    assert_eq!(
        (header.api_key, header.api_version, header.correlation_id),
        (18, 99, 256)
    );

    // The answer is a v0 body with error 35 and the one range that the client must know.
    let supported = ApiVersion {
        api_key: 18,
        min_version: 0,
        max_version: 5,
    };
    let answer = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion,
        api_keys: vec![supported],
        ..Default::default()
    };
    let frame = body_of(encode_response(&answer, 0, header.correlation_id).unwrap());
    assert_eq!(
        frame.as_ref(),
        [0, 0, 1, 0, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5]
    );
}

#[test]
fn the_features_of_api_versions_are_tagged() {
    let feature = SupportedFeatureKey {
        name: "group.version".into(),
        min_version: 0,
        max_version: 1,
    };
    let answer = ApiVersionsResponse {
        supported_features: vec![feature],
        ..Default::default()
    };
    let decode = |version| {
        let frame = body_of(encode_response(&answer, version, 1).unwrap());
        decode_response::<ApiVersionsResponse>(frame, version)
            .unwrap()
            .1
    };
    assert_eq!(decode(4), answer);
    assert_eq!(
        decode(2),
        ApiVersionsResponse::default(),
        "version 2 has no place for features"
    );
}

#[test]
fn bytes_that_nobody_asked_for_are_counted_not_refused() {
    let mut decoder = Decoder::new(Bytes::from_static(&[0, 0, 0, 0, 9, 9]));
    MetadataRequest::decode(&mut decoder, 1).unwrap();
    assert_eq!(decoder.finish(), 2);
}

#[test]
fn unknown_keys_and_versions_are_named() {
    let unknown = Bytes::from_static(&[0x7f, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff]);
    assert_eq!(
        decode_any_request(unknown).unwrap_err(),
        DecodeError::UnknownApi(0x7f00)
    );
    let mut encoder = Encoder::new();
    let error = ProduceRequest::default()
        .encode(&mut encoder, 2)
        .unwrap_err();
    assert_eq!(
        error,
        EncodeError::UnsupportedVersion { key: 0, version: 2 }
    );
}

#[test]
fn a_null_or_a_length_that_the_version_cannot_say_is_an_error() {
    let request = MetadataRequest {
        topics: None,
        ..Default::default()
    };
    let error = request.encode(&mut Encoder::new(), 0).unwrap_err();
    assert_eq!(
        error,
        EncodeError::UnexpectedNull {
            field: "topics",
            version: 0
        }
    );
    let request = ApiVersionsRequest {
        client_software_name: "x".repeat(40_000).into(),
        ..Default::default()
    };
    let error = request.encode(&mut Encoder::new(), 3).unwrap_err();
    assert_eq!(error, EncodeError::StringTooLong(40_000));
}

#[test]
fn every_coded_api_knows_its_versions() {
    for key in ApiKey::CODED {
        assert!(key.versions().is_some(), "{key}");
        assert_eq!(ApiKey::try_from(key.code()), Ok(*key));
    }
    assert_eq!(ApiKey::Produce.versions(), Some(3..=13));
    assert_eq!(ApiKey::Vote.versions(), None);
}

#[test]
fn error_codes_keep_the_numbers_that_they_do_not_know() {
    assert_eq!(ErrorCode::from(3), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(ErrorCode::UnknownServerError.code(), -1);
    assert_eq!(ErrorCode::from(3000), ErrorCode::Other(3000));
    assert_eq!(ErrorCode::Other(3000).code(), 3000);
    assert!((-1..134).all(|code| ErrorCode::from(code).code() == code));
}

#[test]
fn strings_are_keys_of_maps() {
    let mut topics = std::collections::HashMap::new();
    topics.insert(Str::from("나루"), 1);
    assert_eq!(topics.get("나루"), Some(&1));
    assert!(topics.keys().max() > Some(&Str::default()));
    assert_eq!(
        format!("{} {:?}", Str::from("a"), Str::from("a")),
        "a \"a\""
    );
}

#[test]
fn a_response_is_encoded_with_a_count_of_its_errors() {
    let partition = |index, error_code| PartitionProduceResponse {
        index,
        error_code,
        ..Default::default()
    };
    let (full, wrong) = (ErrorCode::KafkaStorageError, ErrorCode::CorruptMessage);
    let response = ProduceResponse {
        responses: vec![TopicProduceResponse {
            partition_responses: vec![
                partition(0, ErrorCode::None),
                partition(1, full),
                partition(2, wrong),
                partition(3, full),
            ],
            ..Default::default()
        }],
        ..Default::default()
    };
    let (frame, errors) = encode_response_and_errors(&response, 12, 9).unwrap();
    assert_eq!(frame, encode_response(&response, 12, 9).unwrap());
    assert_eq!(errors, [(full, 2), (wrong, 1)]);
}
