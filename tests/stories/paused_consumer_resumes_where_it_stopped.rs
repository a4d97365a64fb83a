//! A consumer that pauses, stops or is cut off goes on with the very next record.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{Broker, Load, WAIT_MAX, client, create_topic, record};

const RECORDS: u64 = 3_000;

fn produced(broker: &Broker) {
    create_topic(&broker.bootstrap(), "paused", 1, &[]);
    let load = Load::new(&broker.bootstrap(), &[("acks", "all")]);
    for number in 0..RECORDS {
        load.send_record("paused", 0, number);
    }
    load.finish();
    assert_eq!(load.failed(), []);
}

fn member(broker: &Broker) -> BaseConsumer {
    let consumer: BaseConsumer = client(&broker.bootstrap())
        .set("group.id", "pausing")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "50")
        .create()
        .unwrap();
    consumer.subscribe(&["paused"]).unwrap();
    consumer
}

/// Reads exactly `count` records, which have to be the ones from `first` on.
fn take(consumer: &BaseConsumer, first: u64, count: u64) {
    let begun = Instant::now();
    let mut next = first;
    while next < first + count {
        let left = WAIT_MAX.saturating_sub(begun.elapsed());
        assert!(!left.is_zero(), "record {next} never came");
        if let Some(message) = consumer.poll(left) {
            let read = crate::harness::Read::from(&message.unwrap());
            assert_eq!(read.offset, next as i64);
            assert_eq!(read.record, record(next));
            next += 1;
        }
    }
}

fn commit(consumer: &BaseConsumer, next: u64) {
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset("paused", 0, Offset::Offset(next as i64))
        .unwrap();
    consumer.commit(&offsets, CommitMode::Sync).unwrap();
}

#[test]
fn within_one_consumer() {
    let broker = Broker::start(&[]);
    produced(&broker);
    let consumer = member(&broker);
    take(&consumer, 0, 1_000);
    let assignment = consumer.assignment().unwrap();
    consumer.pause(&assignment).unwrap();
    // The promise is that nothing comes, so there is no event to wait for: a while has to do.
    assert!(consumer.poll(Duration::from_millis(300)).is_none());
    consumer.resume(&assignment).unwrap();
    take(&consumer, 1_000, 2_000);
}

/// The committed offset lives in the broker: it outlasts consumers, clean restarts and kills.
#[test]
fn as_a_group_over_restarts_of_the_broker() {
    let mut broker = Broker::start(&[]);
    produced(&broker);
    let mut next = 0;
    for (count, kill) in [(1, false), (999, true), (1_500, false), (500, true)] {
        let consumer = member(&broker);
        take(&consumer, next, count);
        next += count;
        commit(&consumer, next);
        drop(consumer);
        if kill {
            broker.kill_9();
        } else {
            broker.terminate();
        }
        broker.start_again();
    }
    assert_eq!(next, RECORDS);
    let consumer = member(&broker);
    let mut place = TopicPartitionList::new();
    place.add_partition("paused", 0);
    let committed = consumer.committed_offsets(place, WAIT_MAX).unwrap();
    let committed = committed.find_partition("paused", 0).unwrap().offset();
    assert_eq!(committed, Offset::Offset(RECORDS as i64));
}

/// What was read but not committed is read again by the next one, and nothing before it.
#[test]
fn at_the_committed_record_after_it_was_cut_off() {
    let broker = Broker::start(&[]);
    produced(&broker);
    let consumer = member(&broker);
    take(&consumer, 0, 700);
    commit(&consumer, 500);
    take(&consumer, 700, 50);
    drop(consumer);
    take(&member(&broker), 500, RECORDS - 500);
}
