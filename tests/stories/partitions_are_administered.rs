//! DeleteRecords, OffsetForLeaderEpoch, DescribeLogDirs and AlterReplicaLogDirs: on the partitions
//! of every shard, in every version, with Kafka's errors.

use naru_wire::ErrorCode;
use naru_wire::api::alter_replica_log_dirs::{
    AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};
use naru_wire::api::delete_records::{
    DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use naru_wire::api::describe_log_dirs::{
    DescribableLogDirTopic, DescribeLogDirsRequest, DescribeLogDirsResponse,
};
use naru_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic,
};
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::harness::{Broker, WAIT_MAX, ask, batch, client, create_topic};
use crate::harness::{find_coordinator_request, read_until_end, reader};

const PARTITIONS: i32 = 4;
const RECORDS: i64 = 10;

/// A topic with [`RECORDS`] batches of one record in each of its partitions, which two shards
/// share.
fn with_records(configs: &[(&str, &str)]) -> Broker {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", PARTITIONS, configs);
    let mut connection = broker.raw();
    for partition in 0..PARTITIONS {
        for offset in 0..RECORDS {
            let produced = connection.produce("t", partition, &batch(b"v")).unwrap();
            assert_eq!(produced, (0, offset));
        }
    }
    broker
}

/// One DeleteRecords; of each partition the code and the low watermark.
fn delete(
    broker: &Broker,
    version: i16,
    topic: &str,
    offsets: &[(i32, i64)],
) -> Vec<(ErrorCode, i64)> {
    let partitions = offsets
        .iter()
        .map(|(partition_index, offset)| DeleteRecordsPartition {
            partition_index: *partition_index,
            offset: *offset,
        });
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: topic.into(),
            partitions: partitions.collect(),
        }],
        timeout_ms: 30_000,
    };
    let response: DeleteRecordsResponse = ask(&mut broker.raw(), version, &request);
    assert_eq!(response.topics[0].name.as_str(), topic);
    let answered = response.topics[0].partitions.iter();
    let expected = offsets.iter().map(|(partition, _)| *partition);
    assert!(answered.clone().map(|p| p.partition_index).eq(expected));
    answered.map(|p| (p.error_code, p.low_watermark)).collect()
}

fn first_offset(broker: &Broker, partition: i32) -> i64 {
    let consumer: BaseConsumer = client(&broker.bootstrap()).create().unwrap();
    let (low, high) = consumer.fetch_watermarks("t", partition, WAIT_MAX).unwrap();
    assert_eq!(high, RECORDS);
    low
}

#[test]
fn deleted_records_are_gone_for_good() {
    let mut broker = with_records(&[]);
    let deleted = delete(&broker, 0, "t", &[(0, 4), (1, -1), (2, RECORDS), (3, 0)]);
    let low_watermarks = [4, RECORDS, RECORDS, 0];
    assert_eq!(deleted, low_watermarks.map(|low| (ErrorCode::None, low)));
    let check = |broker: &Broker| {
        for (partition, low) in (0..).zip(low_watermarks) {
            assert_eq!(
                first_offset(broker, partition),
                low,
                "partition {partition}"
            );
            let left = read_until_end(&reader(&broker.bootstrap(), &[]), "t", partition, low);
            let offsets = left.iter().map(|read| read.offset);
            assert!(offsets.eq(low..RECORDS), "partition {partition}");
        }
    };
    check(&broker);
    broker.kill_9();
    broker.start_again();
    check(&broker);
    // What is deleted stays deleted, and to ask for it again is no error.
    assert_eq!(delete(&broker, 2, "t", &[(0, 1)]), [(ErrorCode::None, 4)]);
}

#[test]
fn what_may_not_be_deleted_says_why() {
    let broker = with_records(&[]);
    // Whoever asks for a coordinator has the topic of the groups made.
    let mut connection = broker.raw();
    connection.send(&find_coordinator_request("g")).unwrap();
    connection.receive().unwrap();
    for version in 0..=2 {
        let offsets = [(0, RECORDS + 1), (1, -2), (PARTITIONS, 0), (-1, 0), (2, 1)];
        assert_eq!(
            delete(&broker, version, "t", &offsets),
            [
                (ErrorCode::OffsetOutOfRange, -1),
                (ErrorCode::OffsetOutOfRange, -1),
                (ErrorCode::UnknownTopicOrPartition, -1),
                (ErrorCode::UnknownTopicOrPartition, -1),
                (ErrorCode::None, 1),
            ]
        );
        let refused = |topic| delete(&broker, version, topic, &[(0, -1)])[0];
        assert_eq!(refused("none"), (ErrorCode::UnknownTopicOrPartition, -1));
        assert_eq!(
            refused("__consumer_offsets"),
            (ErrorCode::InvalidTopicException, -1)
        );
    }
}

#[test]
fn a_compacted_topic_keeps_its_records_unless_it_deletes_too() {
    let broker = Broker::start(&[]);
    create_topic(
        &broker.bootstrap(),
        "kept",
        1,
        &[("cleanup.policy", "compact")],
    );
    let both = [("cleanup.policy", "compact,delete")];
    create_topic(&broker.bootstrap(), "both", 1, &both);
    assert_eq!(
        delete(&broker, 2, "kept", &[(0, -1)]),
        [(ErrorCode::PolicyViolation, -1)]
    );
    assert_eq!(
        delete(&broker, 2, "both", &[(0, -1)]),
        [(ErrorCode::None, 0)]
    );
}

#[test]
fn leader_epochs_end_where_the_log_does() {
    let broker = with_records(&[]);
    // Partition, the epoch that the client knows, the epoch that is asked for.
    let asked = [
        (0, -1, 0),
        (1, 0, 0),
        (2, 0, 1),
        (3, 1, 0),
        (PARTITIONS, -1, 0),
        (0, -1, -1),
    ];
    for version in 2..=4 {
        let partitions = asked.map(|(partition, known, epoch)| OffsetForLeaderPartition {
            partition,
            current_leader_epoch: known,
            leader_epoch: epoch,
        });
        let request = OffsetForLeaderEpochRequest {
            replica_id: -1,
            topics: vec![OffsetForLeaderTopic {
                topic: "t".into(),
                partitions: partitions.into(),
            }],
        };
        let response: OffsetForLeaderEpochResponse = ask(&mut broker.raw(), version, &request);
        let answered = response.topics[0].partitions.iter();
        let answered: Vec<_> = answered
            .map(|p| (p.partition, p.error_code, p.leader_epoch, p.end_offset))
            .collect();
        assert_eq!(
            answered,
            [
                (0, ErrorCode::None, 0, RECORDS),
                (1, ErrorCode::None, 0, RECORDS),
                (2, ErrorCode::None, -1, -1),
                (3, ErrorCode::UnknownLeaderEpoch, -1, -1),
                (PARTITIONS, ErrorCode::UnknownTopicOrPartition, -1, -1),
                (0, ErrorCode::None, -1, -1),
            ]
        );
    }
}

#[test]
fn the_log_directory_is_described() {
    let broker = with_records(&[]);
    let described = |version, topics: Option<&[(&str, &[i32])]>| {
        let topics = topics.map(|topics| {
            let topics = topics
                .iter()
                .map(|(topic, partitions)| DescribableLogDirTopic {
                    topic: (*topic).into(),
                    partitions: partitions.to_vec(),
                });
            topics.collect()
        });
        let request = DescribeLogDirsRequest { topics };
        let response: DescribeLogDirsResponse = ask(&mut broker.raw(), version, &request);
        assert_eq!(response.error_code, ErrorCode::None);
        let [result] = &response.results[..] else {
            panic!("one directory: {response:?}");
        };
        assert_eq!(result.error_code, ErrorCode::None);
        assert!(result.log_dir.starts_with('/'), "{}", result.log_dir);
        assert!(!result.is_cordoned);
        if version >= 4 {
            assert!((0..=result.total_bytes).contains(&result.usable_bytes));
        }
        let topics = result.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|partition| {
                assert!(partition.partition_size > RECORDS * 61, "{partition:?}");
                assert_eq!((partition.offset_lag, partition.is_future_key), (0, false));
                partition.partition_index
            });
            (topic.name.to_string(), partitions.collect::<Vec<_>>())
        });
        topics.collect::<Vec<_>>()
    };
    let topic = |partitions: &[i32]| vec![("t".to_owned(), partitions.to_vec())];
    for version in 1..=5 {
        assert_eq!(described(version, None), topic(&[0, 1, 2, 3]));
        // What is not there is left out.
        let asked = [("t", &[3, 1, 9, 3][..]), ("none", &[0][..])];
        assert_eq!(described(version, Some(&asked)), topic(&[1, 3]));
        assert_eq!(described(version, Some(&[])), []);
    }
}

/// As Kafka 4.4.0 with one log directory answered the same.
#[test]
fn replicas_stay_in_the_only_log_directory() {
    type Asked<'a> = &'a [(&'a str, &'a [i32])];
    let broker = with_records(&[]);
    let request = DescribeLogDirsRequest { topics: None };
    let described: DescribeLogDirsResponse = ask(&mut broker.raw(), 4, &request);
    let here = described.results[0].log_dir.to_string();
    let alter = |version, dirs: &[(&str, Asked)]| {
        let dirs = dirs.iter().map(|(path, topics)| AlterReplicaLogDir {
            path: (*path).into(),
            topics: topics
                .iter()
                .map(|(name, partitions)| AlterReplicaLogDirTopic {
                    name: (*name).into(),
                    partitions: partitions.to_vec(),
                })
                .collect(),
        });
        let request = AlterReplicaLogDirsRequest {
            dirs: dirs.collect(),
        };
        let response: AlterReplicaLogDirsResponse = ask(&mut broker.raw(), version, &request);
        let topics = response.results.iter().flat_map(|topic| {
            let answers = topic.partitions.iter();
            answers.map(|partition| {
                let topic = topic.topic_name.to_string();
                (topic, partition.partition_index, partition.error_code)
            })
        });
        topics.collect::<Vec<_>>()
    };
    let elsewhere = "/nowhere";
    let with_slash = format!("{here}/");
    for version in 1..=2 {
        let one = |path, topic, index| {
            let answers = alter(version, &[(path, &[(topic, &[index])])]);
            let [(name, at, code)] = &answers[..] else {
                panic!("one partition was named: {answers:?}");
            };
            assert_eq!((&**name, *at), (topic, index));
            *code
        };
        for path in [elsewhere, ".", "", &with_slash] {
            assert_eq!(one(path, "t", 0), ErrorCode::LogDirNotFound, "{path}");
        }
        assert_eq!(one(elsewhere, "none", 0), ErrorCode::LogDirNotFound);
        for (topic, index) in [("none", 0), ("t", 9), ("t", -1), ("a/b", 0)] {
            let code = one(&here, topic, index);
            assert_eq!(code, ErrorCode::UnknownTopicOrPartition, "{topic}-{index}");
        }
        // The directory of a copy on its way would have a name of more than 255 bytes.
        let longest = "x".repeat(213);
        let code = one(&here, &longest, 0);
        assert_eq!(code, ErrorCode::UnknownTopicOrPartition);
        assert_eq!(one(&here, &longest, 10), ErrorCode::InvalidTopicException);

        assert_eq!(alter(version, &[]), []);
        assert_eq!(alter(version, &[(&here, &[("t", &[])])]), []);
        let answer = |topic: &str, index, code| (topic.to_owned(), index, code);
        // All shards' partitions, each once, whatever the order.
        let asked: Asked = &[("t", &[3, 1]), ("none", &[5]), ("t", &[0, 1, 2])];
        assert_eq!(
            alter(version, &[(&here, asked)]),
            [
                answer("none", 5, ErrorCode::UnknownTopicOrPartition),
                answer("t", 0, ErrorCode::None),
                answer("t", 1, ErrorCode::None),
                answer("t", 2, ErrorCode::None),
                answer("t", 3, ErrorCode::None),
            ]
        );
        // The last directory counts.
        let twice: &[(&str, Asked)] = &[
            (elsewhere, &[("t", &[0])]),
            (&here, &[("t", &[0, 1])]),
            (elsewhere, &[("t", &[1])]),
        ];
        let expected = [
            answer("t", 0, ErrorCode::None),
            answer("t", 1, ErrorCode::LogDirNotFound),
        ];
        assert_eq!(alter(version, twice), expected);
    }
}
