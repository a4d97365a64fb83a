//! The formats byte by byte, as Kafka 4.4.0 writes them, and read as they were written.

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::group::records::Key;

const MEMBER: &str = "m";

fn topic() -> Uuid {
    Uuid::from_u64_pair(1, 2)
}

fn member() -> MemberValue {
    MemberValue {
        instance_id: Some("i".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        topic_names: ["t".to_owned(), "u".to_owned()].into(),
        topic_regex: Some("a.*".to_owned()),
        rebalance_timeout_ms: 300_000,
        server_assignor: Some("range".to_owned()),
        ..MemberValue::default()
    }
}

/// Records, and their keys and values in hex as `MessageUtil` of Kafka 4.4.0 writes them.
fn golden() -> Vec<(ConsumerRecord, &'static str, &'static str)> {
    let id = || MEMBER.to_owned();
    let group = |metadata_hash| {
        ConsumerRecord::Group(Some(GroupValue {
            epoch: 7,
            metadata_hash,
        }))
    };
    let target_epoch = |timestamp_ms| {
        ConsumerRecord::TargetEpoch(Some(TargetEpochValue {
            epoch: 7,
            timestamp_ms,
        }))
    };
    let nobody = MemberValue {
        rack_id: Some("r".to_owned()),
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        ..MemberValue::default()
    };
    let classic = MemberValue {
        instance_id: Some(String::new()),
        rack_id: Some(String::new()),
        client_id: "c".to_owned(),
        client_host: "/h".to_owned(),
        topic_names: ["t".to_owned()].into(),
        topic_regex: Some(String::new()),
        rebalance_timeout_ms: 1000,
        server_assignor: Some(String::new()),
        classic: Some(ClassicMember {
            session_timeout_ms: 9,
            protocols: vec![("range".to_owned(), Bytes::from_static(&[1, 2]))],
        }),
    };
    let current = CurrentValue {
        epoch: 7,
        previous_epoch: 6,
        state: MemberState::UnrevokedPartitions,
        assigned: [(topic(), [(0, 6), (1, 7)].into())].into(),
        pending_revocation: [(topic(), [(2, 5)].into())].into(),
    };
    let regex = RegexValue {
        topics: ["a".to_owned(), "ab".to_owned()].into(),
        version: 9,
        timestamp_ms: 5,
    };
    vec![
        (
            group(0x0102_0304_0506_0708),
            "0003000167",
            "0000000000070100080102030405060708",
        ),
        (group(0), "0003000167", "00000000000700"),
        (
            ConsumerRecord::Member(id(), Some(member())),
            "000500016700016d",
            "00000269000263032f68030274027504612e2a000493e00672616e676500",
        ),
        (
            ConsumerRecord::Member(id(), Some(nobody)),
            "000500016700016d",
            "00000002720263032f680100ffffffff0000",
        ),
        (
            ConsumerRecord::Member(id(), Some(classic)),
            "000500016700016d",
            "000001010263032f6802027401000003e8010100110100000009020672616e67650301020000",
        ),
        (
            target_epoch(5),
            "0006000167",
            "0000000000070100080000000000000005",
        ),
        (target_epoch(0), "0006000167", "00000000000700"),
        (
            ConsumerRecord::Target(id(), Some([(topic(), [0, 1].into())].into())),
            "000700016700016d",
            "000002000000000000000100000000000000020300000000000000010000",
        ),
        (
            ConsumerRecord::Current(id(), Some(current)),
            "000800016700016d",
            "000000000007000000060102000000000000000100000000000000020300000000000000010100090300\
             00000600000007020000000000000001000000000000000202000000020100050200000005\
             00",
        ),
        (
            ConsumerRecord::Regex("a.*".to_owned(), Some(regex)),
            "00100001670003612e2a",
            "00000302610361620000000000000009000000000000000500",
        ),
        (ConsumerRecord::PartitionMetadata(None), "0004000167", ""),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_record_is_what_kafka_writes_byte_for_byte() {
    for (record, key, value) in golden() {
        let encoded = record.encode("g");
        assert_eq!(hex(&encoded.key), key, "{record:?}");
        assert_eq!(
            hex(encoded.value.as_deref().unwrap_or_default()),
            value,
            "{record:?}"
        );
        assert_eq!(decoded(&encoded), record);
    }
}

#[test]
fn partitions_without_epochs_have_their_owners() {
    // As Kafka 4.2 and earlier wrote it.
    let old = "00000000000700000006010200000000000000010000000000000002020000000200\
               0100";
    let bytes: Vec<u8> = (0..old.len() / 2)
        .map(|at| u8::from_str_radix(&old[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let value = CurrentValue::decode(&bytes).unwrap();
    assert_eq!(value.assigned, [(topic(), [(2, 7)].into())].into());
}

fn decoded(record: &crate::group::records::OffsetsRecord) -> ConsumerRecord {
    let Key::Consumer { group_id, key } = Key::decode(&record.key).unwrap() else {
        panic!("another kind of key");
    };
    assert_eq!(group_id, "g");
    ConsumerRecord::decode(key, record.value.as_deref()).unwrap()
}

fn owned() -> impl Strategy<Value = OwnedPartitions> {
    let epochs = proptest::collection::btree_map(any::<i32>(), any::<i32>(), 1..5);
    let topics = (any::<u64>(), any::<u64>()).prop_map(|(a, b)| Uuid::from_u64_pair(a, b));
    proptest::collection::btree_map(topics, epochs, 0..4)
}

proptest! {
    #[test]
    fn what_a_member_has_is_read_as_it_was_written(
        epoch: i32, previous_epoch: i32, state: i8, assigned in owned(), pending_revocation in owned(),
    ) {
        let value = CurrentValue {
            epoch, previous_epoch, state: state.into(), assigned, pending_revocation,
        };
        prop_assert_eq!(CurrentValue::decode(&value.encode()), Ok(value));
    }

    #[test]
    fn no_bytes_are_a_panic(kind in 3i16..17, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut key = kind.to_be_bytes().to_vec();
        key.extend(&bytes);
        let _ = Key::decode(&key);
        let mut value = vec![0, 0];
        value.extend(&bytes);
        for key in [
            ConsumerKey::Group, ConsumerKey::Member("m".into()), ConsumerKey::TargetEpoch,
            ConsumerKey::Target("m".into()), ConsumerKey::Current("m".into()), ConsumerKey::Regex("r".into()),
        ] {
            let _ = ConsumerRecord::decode(key, Some(&value));
        }
    }
}
