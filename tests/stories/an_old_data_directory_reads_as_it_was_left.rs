//! A data directory that an older Naru has written is opened by this one, and all is there.
//!
//! `tests/golden/data-dir-v1` was written by the first Naru, by the steps of [`write`], and is
//! never written again.

use std::path::{Path, PathBuf};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{
    Broker, Load, WAIT_MAX, client, create_topic, delete_topic, read_all, reader, record,
    topic_config,
};

/// Records of each partition; the timestamps of [`record`] are 1 ms apart.
const RECORDS: u64 = 240;

/// Several segments for each partition.
const CONFIGS: [(&str, &str); 2] = [("segment.ms", "60"), ("max.message.bytes", "123456")];

const GROUP: &str = "ferry";

fn place(offset: Option<i64>) -> TopicPartitionList {
    let mut place = TopicPartitionList::new();
    place.add_partition("orders", 1);
    if let Some(offset) = offset {
        let offset = Offset::Offset(offset);
        place.set_partition_offset("orders", 1, offset).unwrap();
    }
    place
}

fn member(broker: &Broker) -> BaseConsumer {
    let mut config = client(&broker.bootstrap());
    config
        .set("group.id", GROUP)
        .set("enable.auto.commit", "false");
    config.create().unwrap()
}

fn produce(broker: &Broker, numbers: std::ops::Range<u64>) {
    let load = Load::new(&broker.bootstrap(), &[("enable.idempotence", "true")]);
    for number in numbers {
        for partition in 0..2 {
            load.send_record("orders", partition, number * 2 + u64::from(partition == 1));
        }
        if number % 20 == 19 {
            load.finish();
        }
    }
    load.finish();
    assert_eq!(load.failed(), []);
}

fn check_records(broker: &Broker, count: u64) {
    for partition in 0..2 {
        let read = read_all(&broker.bootstrap(), "orders", partition);
        assert_eq!(read.len() as u64, count);
        for (read, number) in read.iter().zip(0..) {
            let number = number * 2 + u64::from(partition == 1);
            assert_eq!(read.record, record(number));
        }
    }
}

/// What was done with the first Naru.
fn write() -> Broker {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "orders", 2, &CONFIGS);
    create_topic(&bootstrap, "empty.one", 3, &[]);
    create_topic(&bootstrap, "short-lived", 1, &[]);
    produce(&broker, 0..RECORDS / 2);
    member(&broker)
        .commit(&place(Some(77)), CommitMode::Sync)
        .unwrap();
    delete_topic(&bootstrap, "short-lived");
    broker.terminate();
    broker.start_again();
    produce(&broker, RECORDS / 2..RECORDS);
    broker.terminate();
    broker
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/data-dir-v1")
}

#[test]
fn and_goes_on_from_there() {
    let mut broker = Broker::start_on_copy(&golden(), &[]);
    let bootstrap = broker.bootstrap();
    for round in 0..2 {
        check_records(&broker, RECORDS + round * 10);
        let committed = member(&broker)
            .committed_offsets(place(None), WAIT_MAX)
            .unwrap();
        assert_eq!(committed, place(Some(77)));
        let metadata = reader(&bootstrap, &[])
            .fetch_metadata(None, WAIT_MAX)
            .unwrap();
        let mut topics: Vec<(String, usize)> = metadata
            .topics()
            .iter()
            .filter(|topic| !topic.name().starts_with("__"))
            .map(|topic| (topic.name().to_owned(), topic.partitions().len()))
            .collect();
        topics.sort();
        assert_eq!(
            topics,
            [("empty.one".to_owned(), 3), ("orders".to_owned(), 2)]
        );
        for (key, value) in CONFIGS {
            let found = topic_config(&bootstrap, "orders", key);
            assert_eq!(found.as_deref(), Some(value), "{key}");
        }
        let from = RECORDS + round * 10;
        produce(&broker, from..from + 10);
        assert!(broker.terminate().success());
        broker.start_again();
    }
    check_records(&broker, RECORDS + 20);
}

/// The steps themselves, with today's Naru, so that what is checked stays what was done.
#[test]
fn and_so_does_one_of_today() {
    let written = write();
    let broker = Broker::start_on_copy(written.dir(), &[]);
    check_records(&broker, RECORDS);
    let committed = member(&broker)
        .committed_offsets(place(None), WAIT_MAX)
        .unwrap();
    assert_eq!(committed, place(Some(77)));
}
