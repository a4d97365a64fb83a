//! Bytes that nobody meant well: they may be refused, but never with a panic, and never after an
//! allocation that the frame does not warrant.

use bytes::Bytes;
use proptest::prelude::*;

use super::{Sample, Source, for_each_message};
use crate::field::Format;
use crate::{
    ApiKey, DecodeError, Decoder, Message, ResponseHeader, decode_any_request, encode_request,
};
use crate::{MetadataRequest, ProduceRequest, RequestHeader, Str};

/// Decodes `bytes` as every version of every message there is.
fn decode_as_everything(bytes: &Bytes) {
    macro_rules! decode_all {
        ($($message:ident,)*) => {$(
            for version in crate::$message::VERSIONS {
                let _ = crate::$message::decode(&mut Decoder::new(bytes.clone()), version);
            }
        )*};
    }
    for_each_message!(decode_all);
}

fn request_frame(key: ApiKey, version: i16, body: &[u8]) -> Bytes {
    let mut encoder = crate::Encoder::new();
    crate::encode_request_header(&mut encoder, key, version, 7, None).unwrap();
    encoder.put_slice(body);
    encoder.finish().concat().into()
}

/// A valid encoding of some message in some version, with which mutations begin.
fn sampled(seed: u64) -> Bytes {
    let mut source = Source::new(seed);
    let mut candidates: Vec<Bytes> = Vec::new();
    macro_rules! encode_all {
        ($($message:ident,)*) => {$({
            let versions = crate::$message::VERSIONS;
            let version = versions.start() + source.below(versions.clone().count()) as i16;
            let format = Format { version, flexible: version >= crate::$message::FLEXIBLE };
            let mut encoder = crate::Encoder::new();
            crate::$message::sample(&mut source, format).encode(&mut encoder, version).unwrap();
            candidates.push(encoder.finish().concat().into());
        })*};
    }
    for_each_message!(encode_all);
    let pick = source.below(candidates.len());
    candidates.swap_remove(pick)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let bytes = Bytes::from(bytes);
        decode_as_everything(&bytes);
        let _ = decode_any_request(bytes.clone());
        let _ = RequestHeader::peek(&bytes);
        let _ = ResponseHeader::decode(&mut Decoder::new(bytes), ApiKey::Fetch, 12);
    }

    #[test]
    fn damaged_messages_never_panic(
        seed in any::<u64>(),
        cut in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = sampled(seed).to_vec();
        bytes.truncate(cut.index(bytes.len() + 1));
        for (place, byte) in damage {
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
        }
        decode_as_everything(&bytes.into());
    }

    #[test]
    fn every_cut_of_a_request_is_refused_not_guessed(cut in 0..100usize) {
        let mut request = ProduceRequest { acks: -1, timeout_ms: 30_000, ..Default::default() };
        let partition_data = vec![Default::default(); 4];
        request.topic_data = vec![crate::api::produce::TopicProduceData {
            name: Str::from("ferry"), partition_data, ..Default::default()
        }];
        let frame = encode_request(&request, 9, 1, Some(&Str::from("client"))).unwrap().concat();
        let frame = Bytes::from(frame).slice(4..);
        prop_assume!(cut < frame.len());
        prop_assert!(decode_any_request(frame.slice(..cut)).is_err());
    }
}

#[test]
fn a_count_of_two_to_the_31_allocates_nothing() {
    // Metadata v1: the body is an INT32 count of topics.
    let frame = request_frame(ApiKey::Metadata, 1, &i32::MAX.to_be_bytes());
    let error = decode_any_request(frame).unwrap_err();
    assert_eq!(
        error,
        DecodeError::CountTooLarge {
            count: i32::MAX as usize,
            remaining: 0
        }
    );

    // Metadata v9: the count is an UNSIGNED_VARINT of count + 1.
    let frame = request_frame(
        ApiKey::Metadata,
        9,
        &[0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3],
    );
    let error = decode_any_request(frame).unwrap_err();
    assert_eq!(
        error,
        DecodeError::CountTooLarge {
            count: u32::MAX as usize - 1,
            remaining: 3
        }
    );
}

#[test]
fn a_count_must_leave_room_for_the_smallest_elements() {
    // Ten topics of Metadata v1 take at least ten empty strings of two bytes.
    let mut body = 10i32.to_be_bytes().to_vec();
    body.extend([0; 19]);
    let error = MetadataRequest::decode(&mut Decoder::new(body.clone().into()), 1).unwrap_err();
    assert_eq!(
        error,
        DecodeError::CountTooLarge {
            count: 10,
            remaining: 19
        }
    );
    body.push(0);
    assert!(MetadataRequest::decode(&mut Decoder::new(body.into()), 1).is_ok());
}

#[test]
fn a_large_frame_of_empty_strings_is_refused_before_it_takes_the_memory() {
    // 8 million topic names of no bytes: 16 MB on the wire, 400 MB as structures.
    let count = 8 << 20;
    let mut body = i32::to_be_bytes(count).to_vec();
    body.resize(4 + 2 * count as usize, 0);
    let frame_len = body.len();
    let error = MetadataRequest::decode(&mut Decoder::new(body.into()), 1).unwrap_err();
    assert_eq!(error, DecodeError::OverBudget { frame_len });
}

#[test]
fn a_request_may_have_so_many_elements_and_no_more() {
    // ListOffsets v1: two topics of so many partitions together.
    let request = |partitions: [usize; 2]| {
        let mut frame = vec![0, 2, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        frame.extend(2i32.to_be_bytes());
        for count in partitions {
            frame.extend([0, 1, b't']);
            frame.extend(i32::try_from(count).unwrap().to_be_bytes());
            frame.resize(frame.len() + 12 * count, 0);
        }
        crate::decode_any_request(frame.into())
    };
    assert!(request([60_000, 39_998]).is_ok());
    let error = request([60_000, 39_999]).unwrap_err();
    assert_eq!(error, DecodeError::TooManyElements { limit: 100_000 });
}

#[test]
fn lengths_that_lie_are_refused() {
    let decode = |body: &[u8]| {
        MetadataRequest::decode(&mut Decoder::new(Bytes::copy_from_slice(body)), 1).unwrap_err()
    };
    assert_eq!(
        decode(&[0xff, 0xff, 0xff, 0xfe]),
        DecodeError::NegativeLength(-2)
    );
    assert_eq!(
        decode(&[0, 0, 0, 1, 0xff, 0xf0]),
        DecodeError::NegativeLength(-16)
    );
    assert_eq!(
        decode(&[0, 0, 0, 1, 0x7f, 0xff]),
        DecodeError::Truncated {
            needed: 32767,
            remaining: 0
        }
    );
    assert_eq!(decode(&[0, 0, 0, 1, 0, 1, 0xff]), DecodeError::InvalidUtf8);
    // A null name, in a version that has no null names.
    assert_eq!(
        decode(&[0, 0, 0, 1, 0xff, 0xff]),
        DecodeError::UnexpectedNull {
            field: "name",
            version: 1
        }
    );
}

#[test]
fn varints_end_within_32_bits() {
    let mut decoder = Decoder::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]));
    assert_eq!(decoder.unsigned_varint(), Ok(u32::MAX));
    let mut decoder = Decoder::new(Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x1f]));
    assert_eq!(decoder.unsigned_varint(), Err(DecodeError::VarintTooLong));
    let mut decoder = Decoder::new(Bytes::from_static(&[0x80; 6]));
    assert_eq!(decoder.unsigned_varint(), Err(DecodeError::VarintTooLong));
}

#[test]
fn tags_from_a_newer_peer_are_skipped() {
    // ApiVersions v3: two empty compact strings, then one tag (99) of three bytes.
    let body = Bytes::from_static(&[1, 1, 1, 99, 3, 0xde, 0xad, 0xff]);
    let mut decoder = Decoder::new(body);
    let request = crate::ApiVersionsRequest::decode(&mut decoder, 3).unwrap();
    assert_eq!(request, crate::ApiVersionsRequest::default());
    assert_eq!(decoder.finish(), 0);

    // A tag that reaches past the frame, and a known tag that reaches past its own size.
    let long = Bytes::from_static(&[1, 1, 1, 99, 100, 0]);
    assert!(crate::ApiVersionsRequest::decode(&mut Decoder::new(long), 3).is_err());
    let epoch_cut = Bytes::from_static(&[0, 0, 1, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    let error = crate::ApiVersionsResponse::decode(&mut Decoder::new(epoch_cut), 3).unwrap_err();
    assert_eq!(
        error,
        DecodeError::Truncated {
            needed: 8,
            remaining: 4
        }
    );
}
