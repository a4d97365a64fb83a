//! A topic with `cleanup.policy=compact`, written by librdkafka in every compression and read
//! by it while and after the broker compacts: of each key the newest value is there, at its
//! offset, older ones go, and a restart changes nothing of that.

use std::collections::BTreeMap;
use std::time::Instant;

use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{Broker, WAIT_MAX, client, create_topic, noise, reader};

const TOPIC: &str = "compacted";
const KEYS: u64 = 150;
const ROUNDS: u64 = 8;
const VALUE_BYTES: usize = 4_000;

/// Offset and value of each record, in order, with its key.
type Read = Vec<(i64, String, Option<Vec<u8>>)>;

fn value(round: u64, key: u64) -> Vec<u8> {
    noise(round * 1_000 + key).take(VALUE_BYTES).collect()
}

/// Writes a round: a value for each key, or a tombstone.
fn write(broker: &Broker, codec: &str, round: u64, has_value: impl Fn(u64) -> bool) {
    let mut config = client(&broker.bootstrap());
    config
        .set("enable.idempotence", "true")
        .set("compression.type", codec)
        .set("linger.ms", "20");
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().unwrap();
    for key in 0..KEYS {
        let name = format!("key {key}");
        let value = value(round, key);
        let mut record = BaseRecord::<str, [u8]>::to(TOPIC).partition(0).key(&name);
        if has_value(key) {
            record = record.payload(&value);
        }
        producer.send(record).unwrap();
    }
    producer.flush(WAIT_MAX).unwrap();
}

fn read(broker: &Broker) -> Read {
    let consumer = reader(&broker.bootstrap(), &[("auto.offset.reset", "earliest")]);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(TOPIC, 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    let (mut found, deadline) = (Vec::new(), Instant::now() + WAIT_MAX);
    loop {
        assert!(
            Instant::now() < deadline,
            "the topic is not read to its end"
        );
        match consumer.poll(WAIT_MAX) {
            Some(Ok(message)) => {
                let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
                let value = message.payload().map(<[u8]>::to_vec);
                found.push((message.offset(), key, value));
            }
            Some(Err(rdkafka::error::KafkaError::PartitionEOF(_))) => return found,
            other => panic!("{other:?}"),
        }
    }
}

/// The newest value of each key, and where it is.
fn newest(read: &Read) -> BTreeMap<String, (i64, Vec<u8>)> {
    let mut newest = BTreeMap::new();
    for (offset, key, value) in read {
        match value {
            Some(value) => newest.insert(key.clone(), (*offset, value.clone())),
            None => newest.remove(key),
        };
    }
    newest
}

#[test]
fn the_newest_value_of_each_key_stays_in_every_codec() {
    let settings = [
        ("log.cleaner.backoff.ms", "50"),
        ("log.segment.delete.delay.ms", "0"),
    ];
    let mut broker = Broker::start(&settings);
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.bytes", "1048576"),
        ("min.cleanable.dirty.ratio", "0.01"),
        ("delete.retention.ms", "0"),
    ];
    create_topic(&broker.bootstrap(), TOPIC, 1, &configs);
    for round in 0..ROUNDS {
        let codec = ["none", "gzip", "snappy", "lz4", "zstd"][round as usize % 5];
        write(&broker, codec, round, |_| true);
    }
    let last = ROUNDS;
    write(&broker, "zstd", last, |key| key % 3 > 0);
    let written = (ROUNDS + 1) * KEYS;
    let expected: BTreeMap<String, (i64, Vec<u8>)> = (0..KEYS)
        .filter(|key| key % 3 > 0)
        .map(|key| {
            let offset = (ROUNDS * KEYS + key) as i64;
            (format!("key {key}"), (offset, value(last, key)))
        })
        .collect();

    let deadline = Instant::now() + WAIT_MAX;
    loop {
        let found = read(&broker);
        assert!(found.is_sorted_by(|a, b| a.0 < b.0), "offsets go back");
        assert!(newest(&found) == expected, "not the newest values");
        // All but what is in the active segment, and in the one before it.
        if (found.len() as u64) < written / 2 {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "nothing is compacted: {}",
            found.len()
        );
    }

    broker.kill_9();
    broker.start_again();
    let found = read(&broker);
    assert!(newest(&found) == expected, "not the newest values");
    assert!((found.len() as u64) < written / 2);
    write(&broker, "lz4", 99, |_| true);
    let found = read(&broker);
    let appended = found.iter().rev().take(KEYS as usize);
    let first = appended.map(|(offset, ..)| *offset).min();
    assert_eq!(first, Some(written as i64), "offsets are not stable");
}
