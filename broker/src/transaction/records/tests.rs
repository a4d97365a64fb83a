//! The bytes of the records, and that they are read as they were written.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::record_codec::RecordError;
use crate::transaction::metadata::{Metadata, NO_EPOCH, NO_PRODUCER_ID};
use crate::transaction::{TopicPartition, TransactionState, TransactionVersion};

fn ongoing() -> Metadata {
    let of = |topic: &str, index| TopicPartition {
        topic: topic.to_owned(),
        index,
    };
    Metadata {
        producer_id: 10,
        previous_producer_id: 9,
        next_producer_id: NO_PRODUCER_ID,
        producer_epoch: 3,
        last_producer_epoch: NO_EPOCH,
        timeout_ms: 60_000,
        state: TransactionState::Ongoing,
        partitions: BTreeSet::from([of("t", 1), of("t", 4)]),
        start_ms: 7,
        last_update_ms: 8,
        version: TransactionVersion::V2,
    }
}

/// TransactionLogKey v0 and TransactionLogValue v0 and v1, field by field from Kafka's
/// definitions. These bytes are read for ever.
#[test]
fn records_are_kafkas_byte_for_byte() {
    let record = value_record("tx", &ongoing(), TransactionVersion::V2);
    assert_eq!(record.key.as_ref(), b"\0\0\0\x02tx");
    let head = [
        &b"\0\0\0\0\0\0\0\x0a"[..], // producer id
        b"\0\x03",                  // epoch
        b"\0\0\xea\x60",            // timeout
        b"\x01",                    // Ongoing
    ]
    .concat();
    let times = [&b"\0\0\0\0\0\0\0\x08"[..], b"\0\0\0\0\0\0\0\x07"].concat();
    let v1 = [
        &b"\0\x01"[..],
        &head,
        b"\x02\x02t\x03\0\0\0\x01\0\0\0\x04\0", // one topic, two partitions, no tags
        &times,
        b"\x02\x00\x08\0\0\0\0\0\0\0\x09\x02\x02\0\x02", // the id before, the version
    ]
    .concat();
    assert_eq!(record.value.as_deref(), Some(&v1[..]));

    let v0 = [
        &b"\0\0"[..],
        &head,
        b"\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\x01\0\0\0\x04",
        &times,
    ]
    .concat();
    let old = Metadata {
        previous_producer_id: NO_PRODUCER_ID,
        version: TransactionVersion::V0,
        ..ongoing()
    };
    let record = value_record("tx", &old, TransactionVersion::V0);
    assert_eq!(record.value.as_deref(), Some(&v0[..]));
    assert_eq!(decode_value(&v0), Ok(old));
}

#[test]
fn an_empty_id_has_null_instead_of_partitions() {
    let empty = Metadata {
        state: TransactionState::Empty,
        partitions: BTreeSet::new(),
        start_ms: -1,
        version: TransactionVersion::V0,
        ..ongoing()
    };
    let v0 = value_record("tx", &empty, TransactionVersion::V0)
        .value
        .unwrap();
    assert_eq!(v0[17..21], [0xff; 4]);
    let v1 = value_record("tx", &empty, TransactionVersion::V1)
        .value
        .unwrap();
    assert_eq!(v1[17], 0);
    assert_eq!(decode_value(&v1), Ok(empty));
}

/// KAFKA-20310: without them, an id with exhausted epochs was stuck after a restart.
#[test]
fn kafka_20310_the_ids_before_and_after_survive_a_restart() {
    let prepared = Metadata {
        state: TransactionState::PrepareCommit,
        producer_epoch: i16::MAX,
        next_producer_id: 11,
        ..ongoing()
    };
    for version in [TransactionVersion::V0, TransactionVersion::V2] {
        let value = value_record("tx", &prepared, version).value.unwrap();
        assert_eq!(decode_value(&value), Ok(prepared.clone()));
    }
}

#[test]
fn what_is_not_known_is_said() {
    assert_eq!(decode_key(b"\0\x01\0\x02tx"), Ok(None));
    assert_eq!(decode_value(b"\0\x02"), Err(RecordError::Version(2)));
    let mut dead = value_record("tx", &ongoing(), TransactionVersion::V2)
        .value
        .unwrap()
        .to_vec();
    dead[16] = 6;
    assert_eq!(decode_value(&dead), Err(RecordError::State(6)));
}

#[test]
fn newer_tagged_fields_are_passed_over() {
    let record = value_record("tx", &ongoing(), TransactionVersion::V2);
    let mut value = record.value.unwrap().to_vec();
    let tags = value.len() - 15;
    assert_eq!(value[tags], 2);
    value[tags] = 4;
    value.extend(b"\x03\x02\0\x01\x63\x01\xff");
    assert_eq!(decode_value(&value), Ok(ongoing()));
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let state = proptest::sample::select(TransactionState::ALL.to_vec());
    let partitions = proptest::collection::btree_set(("[a-c]{1,3}", 0..5i32), 0..8);
    let ids = (-1..1000i64, -1..1000i64, -1..1000i64);
    let rest = (
        any::<i16>(),
        any::<i32>(),
        -1..1000i64,
        any::<i64>(),
        0..3i16,
    );
    (state, partitions, ids, rest).prop_map(|(state, partitions, ids, rest)| Metadata {
        producer_id: ids.0,
        previous_producer_id: ids.1,
        next_producer_id: ids.2,
        producer_epoch: rest.0,
        last_producer_epoch: NO_EPOCH,
        timeout_ms: rest.1,
        state,
        partitions: partitions
            .into_iter()
            .filter(|_| state != TransactionState::Empty)
            .map(|(topic, index)| TopicPartition { topic, index })
            .collect(),
        start_ms: rest.2,
        last_update_ms: rest.3,
        version: TransactionVersion::from_level(rest.4),
    })
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written(metadata in metadata()) {
        let value = value_record("tx", &metadata, TransactionVersion::V1).value.unwrap();
        prop_assert_eq!(decode_value(&value), Ok(metadata));
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_key(&bytes);
        let _ = decode_value(&bytes);
    }
}
