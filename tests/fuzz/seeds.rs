//! Writes the seeds that are committed in `seeds/`: a few small, valid inputs for each target.
//!
//! Run again when a format changes: `cargo run --bin seeds` in this folder. No target needs them to
//! be current, they only shorten the fuzzer's way in.

use std::fs;
use std::path::Path;

use naru_broker::inside::{
    BrokerListener, BrokerRegistration, Command, CommittedOffset, GroupValue, MemberValue,
    Partition, encode_commands, encode_offset_value,
};
use naru_engine::index::{Index, IndexEntry, SegmentIndex};
use naru_record_batch::{BatchBuilder, Codec, NewRecord, compress};
use naru_wire::{ApiKey, Message, Request, encode_request};

fn main() -> std::io::Result<()> {
    batches()?;
    payloads()?;
    requests()?;
    properties()?;
    offsets()?;
    transactions()?;
    commands()?;
    segment_files()
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

fn batches() -> std::io::Result<()> {
    for codec in Codec::ALL {
        let mut builder = BatchBuilder::new(codec).producer(1, 0, 0);
        for n in 0..3 {
            builder.push(&NewRecord {
                timestamp_ms: 1_700_000_000_000 + n,
                key: Some(b"key"),
                value: (n != 1).then_some(b"a value, a value"),
                headers: &[("header", Some(b"value")), ("null", None)],
            });
        }
        let batch = builder.build().map_err(std::io::Error::other)?;
        write("record_batch_validate", &codec.to_string(), &batch)?;
        write("batch_header", &codec.to_string(), &batch)?;
    }
    Ok(())
}

fn payloads() -> std::io::Result<()> {
    for codec in Codec::ALL {
        let mut payload = vec![codec.bits() as u8];
        compress(codec, b"records, records, records, records", &mut payload)?;
        write("compression", &codec.to_string(), &payload)?;
    }
    let mut framed = vec![Codec::Snappy.bits() as u8];
    framed.extend_from_slice(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x04\x02\x04ab");
    write("compression", "snappy-java", &framed)
}

/// The oldest and the newest version of a request that says nothing.
fn request<R: Request + Default>() -> std::io::Result<()> {
    let key = <R as Message>::KEY;
    let Some(versions) = key.versions() else {
        return Ok(());
    };
    for version in [*versions.start(), *versions.end()] {
        let client = "seed".into();
        // What has no default that can be written is left to the fuzzer.
        if let Ok(frame) = encode_request(&R::default(), version, 7, Some(&client)) {
            let frame = frame.concat();
            let name = format!("{key:?}-{version}");
            write("wire_request", &name, frame.get(4..).unwrap_or_default())?;
        }
    }
    Ok(())
}

/// Declares `requests`, and sees to it that no request that the crate can decode is left out.
macro_rules! requests {
    ($($request:ident,)*) => {
        fn requests() -> std::io::Result<()> {
            $(request::<naru_wire::$request>()?;)*
            let seeded = [$(<naru_wire::$request as Message>::KEY),*];
            let known = (0..=i16::MAX).filter_map(|code| ApiKey::try_from(code).ok());
            match known.filter(|key| key.versions().is_some()).find(|key| !seeded.contains(key)) {
                Some(key) => Err(std::io::Error::other(format!("{key} has no seed"))),
                None => Ok(()),
            }
        }
    };
}

requests! {
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    AlterClientQuotasRequest,
    AlterConfigsRequest,
    AlterPartitionReassignmentsRequest,
    AlterReplicaLogDirsRequest,
    AlterUserScramCredentialsRequest,
    ApiVersionsRequest,
    ConsumerGroupDescribeRequest,
    ConsumerGroupHeartbeatRequest,
    CreateAclsRequest,
    CreatePartitionsRequest,
    CreateTopicsRequest,
    DeleteAclsRequest,
    DeleteGroupsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    DescribeAclsRequest,
    DescribeClientQuotasRequest,
    DescribeClusterRequest,
    DescribeConfigsRequest,
    DescribeGroupsRequest,
    DescribeLogDirsRequest,
    DescribeProducersRequest,
    DescribeQuorumRequest,
    DescribeTopicPartitionsRequest,
    DescribeTransactionsRequest,
    DescribeUserScramCredentialsRequest,
    ElectLeadersRequest,
    EndTxnRequest,
    FetchRequest,
    FindCoordinatorRequest,
    HeartbeatRequest,
    IncrementalAlterConfigsRequest,
    InitProducerIdRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    ListConfigResourcesRequest,
    ListGroupsRequest,
    ListOffsetsRequest,
    ListPartitionReassignmentsRequest,
    ListTransactionsRequest,
    MetadataRequest,
    OffsetCommitRequest,
    OffsetDeleteRequest,
    OffsetFetchRequest,
    OffsetForLeaderEpochRequest,
    ProduceRequest,
    SaslHandshakeRequest,
    SyncGroupRequest,
    TxnOffsetCommitRequest,
    UnregisterBrokerRequest,
    UpdateFeaturesRequest,
    WriteTxnMarkersRequest,
}

fn properties() -> std::io::Result<()> {
    let text = "# a broker\nnode.id=1\nlisteners = PLAINTEXT://:9092\nlog.dirs: /tmp/naru\n\
                message.max.bytes=1048588\nlog.retention.ms=\\\n  604800000\n";
    write("server_properties", "small", text.as_bytes())
}

fn offsets() -> std::io::Result<()> {
    // Keys: version, then the group (and topic and partition), as Kafka writes them.
    let with_key =
        |key: &[u8], value: &[u8]| [&(key.len() as u16).to_be_bytes()[..], key, value].concat();
    let committed = CommittedOffset {
        offset: 42,
        leader_epoch: 1,
        metadata: String::new(),
        commit_timestamp_ms: 1_700_000_000_000,
        expire_timestamp_ms: None,
        topic_id: uuid::Uuid::from_u128(9),
    };
    let value = encode_offset_value(&committed);
    let key = b"\0\x01\0\x01g\0\x01t\0\0\0\0";
    write("offsets_records", "offset", &with_key(key, &value))?;
    let group = GroupValue {
        protocol_type: "consumer".into(),
        generation: 3,
        protocol: Some("range".into()),
        leader: Some("m".into()),
        state_since_ms: 0,
        members: vec![MemberValue {
            member_id: "m".into(),
            instance_id: None,
            client_id: "c".into(),
            client_host: "/127.0.0.1".into(),
            rebalance_timeout_ms: 300_000,
            session_timeout_ms: 45_000,
            subscription: bytes::Bytes::from_static(b"s"),
            assignment: bytes::Bytes::from_static(b"a"),
        }],
    };
    write(
        "offsets_records",
        "group",
        &with_key(b"\0\x02\0\x01g", &group.encode()),
    )?;
    // Those of the consumer protocol, as Kafka 4.4.0 writes them.
    let consumer: [(&str, &[u8], &[u8]); 6] = [
        (
            "consumer-group",
            b"\0\x03\0\x01g",
            b"\0\0\0\0\0\x07\x01\0\x08\x01\x02\x03\x04\x05\x06\x07\x08",
        ),
        (
            "consumer-member",
            b"\0\x05\0\x01g\0\x01m",
            b"\0\0\x02i\0\x02c\x03/h\x03\x02t\x02u\x04a.*\0\x04\x93\xe0\x06range\0",
        ),
        ("consumer-target-epoch", b"\0\x06\0\x01g", b"\0\0\0\0\0\x07\0"),
        (
            "consumer-target",
            b"\0\x07\0\x01g\0\x01m",
            b"\0\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x03\0\0\0\0\0\0\0\x01\0\0",
        ),
        (
            "consumer-current",
            b"\0\x08\0\x01g\0\x01m",
            b"\0\0\0\0\0\x07\0\0\0\x06\0\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\x02\0\0\0\0\x01\0\x05\x02\0\0\0\x06\x01\0",
        ),
        (
            "consumer-regex",
            b"\0\x10\0\x01g\0\x03a.*",
            b"\0\0\x03\x02a\x03ab\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\x05\0",
        ),
    ];
    for (name, key, value) in consumer {
        write("offsets_records", name, &with_key(key, value))?;
    }
    Ok(())
}

fn transactions() -> std::io::Result<()> {
    // A key and a value: version, producer, timeout, state, partitions, two times, tags.
    let of = |value: &[&[u8]]| [&b"\0\x05\0\0\0\x01x"[..], &value.concat()].concat();
    let times = [0; 16];
    let head = b"\0\0\0\0\0\0\0\x07\0\x01\0\0\xea\x60";
    let v0: &[&[u8]] = &[b"\0\0", head, b"\x01\0\0\0\x01\0\x01t\0\0\0\x01\0\0\0\0", &times];
    write("transaction_records", "ongoing", &of(v0))?;
    let tags = b"\x02\x01\x08\0\0\0\0\0\0\0\x09\x02\x02\0\x02";
    let v1: &[&[u8]] = &[b"\0\x01", head, b"\x02\x02\x02t\x02\0\0\0\0\0", &times, tags];
    write("transaction_records", "prepared", &of(v1))
}

fn commands() -> std::io::Result<()> {
    let id = uuid::Uuid::from_u128(7);
    let commands = vec![
        Command::SetClusterId {
            cluster_id: "cluster".into(),
        },
        Command::RegisterBroker(BrokerRegistration {
            node_id: 1,
            incarnation: id,
            listeners: vec![BrokerListener {
                name: "PLAINTEXT".into(),
                host: "localhost".into(),
                port: 9092,
            }],
            rack: None,
        }),
        Command::CreateTopic {
            name: "t".into(),
            topic_id: id,
            partitions: vec![Partition::new(vec![1])],
            configs: [("retention.ms".to_owned(), "1".to_owned())].into(),
        },
        Command::CreatePartitions {
            topic_id: id,
            partitions_before: 1,
            added: vec![Partition::new(vec![1])],
        },
        Command::AllocateProducerIds { count: 1_000 },
        Command::DeleteTopic { topic_id: id },
    ];
    write(
        "metadata_commands",
        "life-of-a-topic",
        &encode_commands(&commands),
    )
}

fn segment_files() -> std::io::Result<()> {
    let entries = (0..3i64).map(|n| IndexEntry {
        offset: n * 100,
        position: n as u64 * 65_536,
        max_timestamp_before_ms: n,
    });
    let index = Index::from_entries(entries.collect());
    let file = SegmentIndex {
        index,
        segment_bytes: 1 << 20,
        max_timestamp_ms: 2,
        next_offset: 300,
        aborted_count: 0,
    };
    let file = file.encode();
    // Bare, without the envelope: the target makes one around it.
    write("segment_files", "index", file.get(16..).unwrap_or_default())?;
    write("segment_files", "index-sealed", &file)
}
