//! Batches of ours as another implementation reads them, and batches of its own as ours does.

#![allow(clippy::unwrap_used)]

use bytes::{Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use naru_record_batch::{
    BatchBuilder, BatchHeader, Codec, Decoder, HEADER_BYTES, NewRecord, Records, Rules, validate,
};
use proptest::prelude::*;
use std::io::Read;

const NOW_MS: i64 = 1_700_000_000_000;

/// A record as both sides can say it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Plain {
    timestamp_ms: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn bytes(max: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..max))
}

fn plain() -> impl Strategy<Value = Plain> {
    let headers = prop::collection::btree_map("[a-z]{0,9}", bytes(40), 0..4);
    (-5_000i64..5_000, bytes(80), bytes(3_000), headers).prop_map(|(delta, key, value, headers)| {
        Plain {
            timestamp_ms: NOW_MS + delta,
            key,
            value,
            headers: headers.into_iter().collect(),
        }
    })
}

fn records() -> impl Strategy<Value = Vec<Plain>> {
    prop::collection::vec(plain(), 1..30)
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(&Codec::ALL[..])
}

fn compression(codec: Codec) -> Compression {
    match codec {
        Codec::None => Compression::None,
        Codec::Gzip => Compression::Gzip,
        Codec::Snappy => Compression::Snappy,
        Codec::Lz4 => Compression::Lz4,
        Codec::Zstd => Compression::Zstd,
    }
}

fn ours(codec: Codec, records: &[Plain]) -> Vec<u8> {
    let mut builder = BatchBuilder::new(codec).producer(77, 3, 1_000);
    for record in records {
        let headers: Vec<_> = record
            .headers
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_deref()))
            .collect();
        builder.push(&NewRecord {
            timestamp_ms: record.timestamp_ms,
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            headers: &headers,
        });
    }
    builder.build().unwrap()
}

fn theirs(codec: Codec, records: &[Plain]) -> Vec<u8> {
    let records: Vec<_> = records
        .iter()
        .zip(0..)
        .map(|(record, at)| Record {
            transactional: false,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: 77,
            producer_epoch: 3,
            timestamp_type: TimestampType::Creation,
            offset: i64::from(at),
            sequence: 1_000 + at,
            timestamp: record.timestamp_ms,
            key: record.key.clone().map(Bytes::from),
            value: record.value.clone().map(Bytes::from),
            headers: record
                .headers
                .iter()
                .map(|(key, value)| {
                    let value = value.clone().map(Bytes::from);
                    (StrBytes::from_string(key.clone()), value)
                })
                .collect::<IndexMap<_, _>>(),
        })
        .collect();
    let mut out = BytesMut::new();
    let options = RecordEncodeOptions {
        version: 2,
        compression: compression(codec),
    };
    RecordBatchEncoder::encode(&mut out, &records, &options).unwrap();
    out.to_vec()
}

/// What our reader finds in a batch.
fn read(batch: &[u8]) -> Vec<Plain> {
    let header = BatchHeader::parse(batch).unwrap();
    let codec = Codec::of(header.attributes).unwrap();
    let mut bytes = Vec::new();
    let mut decoder = Decoder::open(codec, &batch[HEADER_BYTES..], 1 << 20).unwrap();
    decoder.read_to_end(&mut bytes).unwrap();
    let records = Records::new(&bytes).map(|record| {
        let record = record.unwrap();
        Plain {
            timestamp_ms: header.base_timestamp_ms + record.timestamp_delta_ms,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record
                .headers
                .map(|(key, value)| {
                    let key = String::from_utf8(key.to_vec()).unwrap();
                    (key, value.map(<[u8]>::to_vec))
                })
                .collect(),
        }
    });
    records.collect()
}

fn rules() -> Rules {
    Rules {
        now_ms: NOW_MS,
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn another_implementation_reads_our_batches(codec in codec(), records in records()) {
        let batch = ours(codec, &records);
        let set = RecordBatchDecoder::decode(&mut Bytes::from(batch)).unwrap();
        prop_assert_eq!(set.compression, compression(codec));
        let found: Vec<_> = set
            .records
            .into_iter()
            .zip(0..)
            .map(|(record, at)| {
                assert_eq!(record.offset, i64::from(at));
                assert_eq!(record.sequence, 1_000 + at);
                assert_eq!((record.producer_id, record.producer_epoch), (77, 3));
                Plain {
                    timestamp_ms: record.timestamp,
                    key: record.key.map(|key| key.to_vec()),
                    value: record.value.map(|value| value.to_vec()),
                    headers: record
                        .headers
                        .into_iter()
                        .map(|(key, value)| (key.to_string(), value.map(|value| value.to_vec())))
                        .collect(),
                }
            })
            .collect();
        prop_assert_eq!(found, records);
    }

    #[test]
    fn batches_of_another_implementation_are_accepted_and_read(
        codec in codec(),
        records in records(),
    ) {
        let batch = theirs(codec, &records);
        let accepted = validate(&batch, &rules()).unwrap();
        prop_assert_eq!(accepted.batch_bytes, batch.len());
        prop_assert_eq!(accepted.header.records_count as usize, records.len());
        prop_assert_eq!(accepted.header.base_sequence, 1_000);
        let max_ms = records.iter().map(|record| record.timestamp_ms).max().unwrap();
        prop_assert_eq!(accepted.max_timestamp_ms, max_ms);
        prop_assert_eq!(read(&batch), records);
    }

    #[test]
    fn our_batches_are_accepted_and_read(codec in codec(), records in records()) {
        let batch = ours(codec, &records);
        prop_assert!(validate(&batch, &rules()).is_ok());
        prop_assert_eq!(read(&batch), records);
    }
}
