//! Readers that tell where they are: librdkafka consumers, polled on the story's thread.

use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::WAIT_MAX;
use super::records::Record;

/// A record as it was read, and where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    pub partition: i32,
    pub offset: i64,
    pub record: Record,
}

/// What every client of the stories has in common.
pub fn client(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        // A broker that was restarted is found again at once.
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "200")
        .set("topic.metadata.refresh.interval.ms", "1000");
    config
}

/// A consumer outside of any group that checks CRCs and reports the ends of partitions.
pub fn reader(bootstrap: &str, settings: &[(&str, &str)]) -> BaseConsumer {
    let mut config = client(bootstrap);
    config
        .set("group.id", "none")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("check.crcs", "true")
        .set("fetch.wait.max.ms", "50")
        // A record that retention or a lost tail took away is an error, not a jump.
        .set("auto.offset.reset", "error");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    config.create().unwrap()
}

/// All of a partition, from offset 0 to its end.
pub fn read_all(bootstrap: &str, topic: &str, partition: i32) -> Vec<Read> {
    let consumer = reader(bootstrap, &[]);
    read_until_end(&consumer, topic, partition, 0)
}

/// A partition from `first` to its end.
pub fn read_until_end<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: i32,
    first: i64,
) -> Vec<Read> {
    let mut place = TopicPartitionList::new();
    place
        .add_partition_offset(topic, partition, Offset::Offset(first))
        .unwrap();
    consumer.assign(&place).unwrap();
    let mut read = Vec::new();
    let begun = Instant::now();
    loop {
        let left = WAIT_MAX.saturating_sub(begun.elapsed());
        assert!(!left.is_zero(), "no end after {} records", read.len());
        match consumer.poll(left) {
            None => {}
            Some(Ok(message)) => read.push(Read::from(&message)),
            Some(Err(KafkaError::PartitionEOF(_))) => return read,
            Some(Err(error)) => panic!("after {} records: {error}", read.len()),
        }
    }
}

impl From<&BorrowedMessage<'_>> for Read {
    fn from(message: &BorrowedMessage<'_>) -> Self {
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers
                .iter()
                .map(|header| {
                    let value = header.value.expect("a header of a story has a value");
                    (header.key.to_owned(), value.to_vec())
                })
                .collect()
        });
        Self {
            partition: message.partition(),
            offset: message.offset(),
            record: Record {
                key: message.key().map(<[u8]>::to_vec),
                value: message.payload().expect("no tombstones here").to_vec(),
                headers,
                timestamp_ms: message.timestamp().to_millis().unwrap(),
            },
        }
    }
}
