//! CreatePartitions: new partitions are there at once, on every shard and after a restart, and a
//! bad request adds none.

use naru_wire::api::create_partitions::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsResponse,
    CreatePartitionsTopic,
};
use naru_wire::{ErrorCode, api::create_partitions::CreatePartitionsTopicResult};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::harness::{Broker, WAIT_MAX, ask, batch, block_on, client, create_topic, read_all};

/// Name, count, brokers of each new partition.
type Wanted<'a> = (&'a str, i32, Option<&'a [&'a [i32]]>);

fn grow(
    broker: &Broker,
    version: i16,
    wanted: &[Wanted<'_>],
    validate_only: bool,
) -> Vec<CreatePartitionsTopicResult> {
    let topics = wanted
        .iter()
        .map(|(name, count, assignments)| CreatePartitionsTopic {
            name: (*name).into(),
            count: *count,
            assignments: assignments.map(|all| {
                all.iter()
                    .map(|broker_ids| CreatePartitionsAssignment {
                        broker_ids: broker_ids.to_vec(),
                    })
                    .collect()
            }),
        });
    let request = CreatePartitionsRequest {
        topics: topics.collect(),
        timeout_ms: 30_000,
        validate_only,
    };
    let response: CreatePartitionsResponse = ask(&mut broker.raw(), version, &request);
    response.results
}

fn partitions(broker: &Broker, topic: &str) -> usize {
    let consumer: BaseConsumer = client(&broker.bootstrap()).create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), WAIT_MAX).unwrap();
    metadata.topics()[0].partitions().len()
}

#[test]
fn new_partitions_take_records_at_once_and_survive_kill_9() {
    let mut broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let mut connection = broker.raw();
    assert_eq!(connection.produce("t", 0, &batch(b"v")).unwrap(), (0, 0));

    let admin: AdminClient<DefaultClientContext> = client(&broker.bootstrap()).create().unwrap();
    let wanted = [NewPartitions::new("t", 6)];
    let grown = block_on(admin.create_partitions(&wanted, &AdminOptions::new()));
    assert_eq!(grown.unwrap(), [Ok("t".to_owned())]);
    // Whoever hears that they are there finds them, by whatever connection.
    assert_eq!(partitions(&broker, "t"), 6);
    for partition in 1..6 {
        let produced = connection.produce("t", partition, &batch(b"v"));
        assert_eq!(produced.unwrap(), (0, 0), "partition {partition}");
    }

    broker.kill_9();
    broker.start_again();
    assert_eq!(partitions(&broker, "t"), 6);
    for partition in 0..6 {
        assert_eq!(read_all(&broker.bootstrap(), "t", partition).len(), 1);
    }
}

#[test]
fn every_version_tells_why_a_topic_does_not_grow() {
    use ErrorCode::{
        InvalidPartitions, InvalidReplicaAssignment, InvalidRequest, PolicyViolation,
        UnknownTopicOrPartition,
    };
    let broker = Broker::start(&[]);
    for topic in ["t", "u"] {
        create_topic(&broker.bootstrap(), topic, 2, &[]);
    }
    for version in 0..=3 {
        for (wanted, code, says) in [
            (("t", 2, None), InvalidPartitions, "already has 2"),
            (("t", 1, None), InvalidPartitions, "not be an increase"),
            (("t", -1, None), InvalidPartitions, "not be an increase"),
            (("nope", 3, None), UnknownTopicOrPartition, ""),
            (("t", 20_000, None), PolicyViolation, "large"),
            (("t", 10_001, None), InvalidPartitions, "10001"),
            (
                ("t", 4, Some(&[&[1][..]][..])),
                InvalidReplicaAssignment,
                "only 1 assignment",
            ),
            (
                ("t", 3, Some(&[&[2][..]][..])),
                InvalidReplicaAssignment,
                "broker 2",
            ),
            (
                ("t", 3, Some(&[&[1, 1][..]][..])),
                InvalidReplicaAssignment,
                "more than once",
            ),
            (
                ("t", 3, Some(&[&[][..]][..])),
                InvalidReplicaAssignment,
                "empty",
            ),
        ] {
            for validate_only in [true, false] {
                let results = grow(&broker, version, &[wanted], validate_only);
                assert_eq!(results[0].error_code, code, "{wanted:?}");
                let message = results[0].error_message.as_deref().unwrap_or_default();
                assert!(message.contains(says), "{message}");
            }
        }
        // A topic that is named twice is told so once, and the others grow.
        let named_twice = [("t", 3, None), ("u", 9, None), ("t", 4, None)];
        let results = grow(&broker, version, &named_twice, true);
        let codes: Vec<_> = results
            .iter()
            .map(|r| (r.name.as_str(), r.error_code))
            .collect();
        assert_eq!(codes, [("t", InvalidRequest), ("u", ErrorCode::None)]);
        // Only asked whether it would.
        let on_it: &[&[i32]] = &[&[1]];
        let results = grow(&broker, version, &[("t", 3, Some(on_it))], true);
        assert_eq!(results[0].error_code, ErrorCode::None);
    }
    assert_eq!((partitions(&broker, "t"), partitions(&broker, "u")), (2, 2));
    let on_it: &[&[i32]] = &[&[1]];
    let results = grow(&broker, 3, &[("t", 3, Some(on_it))], false);
    assert_eq!(results[0].error_code, ErrorCode::None);
    assert_eq!(partitions(&broker, "t"), 3);
}

/// The number of partitions says which coordinator a group has.
#[test]
fn the_partitions_of_groups_do_not_change() {
    let broker = Broker::start(&[]);
    let mut connection = broker.raw();
    connection
        .send(&crate::harness::find_coordinator_request("g"))
        .unwrap();
    connection.receive().unwrap();
    let before = partitions(&broker, "__consumer_offsets");
    let results = grow(&broker, 3, &[("__consumer_offsets", 60, None)], false);
    assert_eq!(results[0].error_code, ErrorCode::InvalidPartitions);
    assert_eq!(partitions(&broker, "__consumer_offsets"), before);
}
