//! What was read and what was written of it are one: the offset of a group counts when the
//! transaction is committed, and whoever asks for stable offsets waits until it is decided.

use std::time::Instant;

use naru_wire::ErrorCode;
use naru_wire::api::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use naru_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    TxnOffsetCommitResponse,
};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{Broker, Load, WAIT_MAX, ask, client, create_topic, topic_id};

fn producer(bootstrap: &str, id: &str) -> BaseProducer {
    let producer: BaseProducer = client(bootstrap)
        .set("transactional.id", id)
        .create()
        .unwrap();
    producer.init_transactions(WAIT_MAX).unwrap();
    producer
}

/// A member that has the partition.
fn member(bootstrap: &str) -> BaseConsumer {
    let member: BaseConsumer = client(bootstrap)
        .set("group.id", "g")
        // A member whose leave was lost with the broker holds up the next one for no longer.
        .set("session.timeout.ms", "6000")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    member.subscribe(&["t"]).unwrap();
    loop {
        if let Some(message) = member.poll(WAIT_MAX) {
            message.unwrap();
            return member;
        }
    }
}

fn at(offset: i64) -> TopicPartitionList {
    let mut offsets = TopicPartitionList::new();
    let offset = Offset::Offset(offset);
    offsets.add_partition_offset("t", 0, offset).unwrap();
    offsets
}

fn send_offset(producer: &BaseProducer, member: &BaseConsumer, offset: i64) {
    let group = member.group_metadata().unwrap();
    producer
        .send_offsets_to_transaction(&at(offset), &group, WAIT_MAX)
        .unwrap();
}

/// The group's offset, as it is answered.
fn fetch(broker: &Broker, require_stable: bool) -> (ErrorCode, i64) {
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: "g".into(),
            topics: Some(vec![OffsetFetchRequestTopics {
                name: "t".into(),
                partition_indexes: vec![0],
                ..Default::default()
            }]),
            ..Default::default()
        }],
        require_stable,
        ..Default::default()
    };
    loop {
        let response: OffsetFetchResponse = ask(&mut broker.raw(), 9, &request);
        let group = &response.groups[0];
        // The groups are being read back.
        if group.error_code == ErrorCode::CoordinatorLoadInProgress {
            continue;
        }
        assert_eq!(group.error_code, ErrorCode::None);
        let partition = &group.topics[0].partitions[0];
        return (partition.error_code, partition.committed_offset);
    }
}

/// Waits until the offset is stable: markers follow the answer.
fn stable(broker: &Broker) -> i64 {
    let begun = Instant::now();
    loop {
        match fetch(broker, true) {
            (ErrorCode::None, offset) => return offset,
            (ErrorCode::UnstableOffsetCommit, _) => {}
            other => panic!("{other:?}"),
        }
        assert!(begun.elapsed() < WAIT_MAX, "a transaction stays open");
    }
}

fn with_records() -> Broker {
    let broker = Broker::start(&[("naru.shards", "2")]);
    create_topic(&broker.bootstrap(), "t", 1, &[]);
    let load = Load::new(&broker.bootstrap(), &[]);
    (0..20).for_each(|number| load.send_record("t", 0, number));
    load.finish();
    broker
}

const UNSTABLE: (ErrorCode, i64) = (ErrorCode::UnstableOffsetCommit, -1);

#[test]
fn or_not_at_all() {
    let broker = with_records();
    let member = member(&broker.bootstrap());
    let producer = producer(&broker.bootstrap(), "tx");
    producer.begin_transaction().unwrap();
    send_offset(&producer, &member, 5);
    assert_eq!(fetch(&broker, true), UNSTABLE);
    assert_eq!(fetch(&broker, false), (ErrorCode::None, -1));
    producer.commit_transaction(WAIT_MAX).unwrap();
    assert_eq!(stable(&broker), 5);

    producer.begin_transaction().unwrap();
    send_offset(&producer, &member, 9);
    producer.abort_transaction(WAIT_MAX).unwrap();
    assert_eq!(stable(&broker), 5);

    // A plain commit after that of the transaction is later in the log, and stays.
    producer.begin_transaction().unwrap();
    send_offset(&producer, &member, 7);
    member.commit(&at(8), CommitMode::Sync).unwrap();
    assert_eq!(fetch(&broker, false), (ErrorCode::None, 8));
    producer.commit_transaction(WAIT_MAX).unwrap();
    assert_eq!(stable(&broker), 8);
}

#[test]
fn also_when_the_broker_dies_in_between() {
    let mut broker = with_records();
    let bootstrap = broker.bootstrap();
    for (committed, open) in [(3, 30), (4, 40)] {
        let member = member(&bootstrap);
        let first = producer(&bootstrap, "tx");
        first.begin_transaction().unwrap();
        send_offset(&first, &member, committed);
        first.commit_transaction(WAIT_MAX).unwrap();
        let second = producer(&bootstrap, "open");
        second.begin_transaction().unwrap();
        send_offset(&second, &member, open);
        broker.kill_9();
        broker.start_again();
        // The first one's markers may not have been written; the second one is open yet.
        assert_eq!(fetch(&broker, true), UNSTABLE);
        let _replaces = producer(&bootstrap, "open");
        assert_eq!(stable(&broker), committed);
    }
}

/// Nothing vouches for a producer that began no transaction with the group's partition.
#[test]
fn of_a_producer_whose_transaction_has_them() {
    let broker = with_records();
    let _member = member(&broker.bootstrap());
    // The first who asks makes `__transaction_state`.
    let _somebody = producer(&broker.bootstrap(), "tx");
    let id = topic_id(&broker, "t");
    let refusals = [
        (0, ErrorCode::InvalidProducerIdMapping),
        (3, ErrorCode::InvalidProducerIdMapping),
        (6, ErrorCode::InvalidProducerIdMapping),
    ];
    for (version, refusal) in refusals {
        let request = TxnOffsetCommitRequest {
            transactional_id: "nobody".into(),
            group_id: "g".into(),
            producer_id: 4_711,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: "t".into(),
                topic_id: id,
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: 5,
                    ..Default::default()
                }],
            }],
            ..Default::default()
        };
        let response: TxnOffsetCommitResponse = ask(&mut broker.raw(), version, &request);
        assert_eq!(response.topics[0].partitions[0].error_code, refusal);
    }
    assert_eq!(fetch(&broker, true), (ErrorCode::None, -1));
}
