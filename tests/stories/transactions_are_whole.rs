//! Transactions through librdkafka, which has the older flow (EndTxn up to v4): consumers of
//! committed records see all of a transaction or nothing, whatever happens on the way.

use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::harness::{Broker, WAIT_MAX, client, create_topic, read_until_end, reader};

const COMMITTED: &str = "read_committed";
const UNCOMMITTED: &str = "read_uncommitted";

fn producer(bootstrap: &str, id: &str, settings: &[(&str, &str)]) -> BaseProducer {
    let mut config = client(bootstrap);
    config.set("transactional.id", id).set("linger.ms", "0");
    for (key, value) in settings {
        config.set(*key, *value);
    }
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(WAIT_MAX).unwrap();
    producer
}

/// Sends values into both partitions of a topic and waits until they are acknowledged.
fn send(producer: &BaseProducer, topic: &str, values: &[&str]) {
    for value in values {
        for partition in 0..2 {
            let record = BaseRecord::<(), str>::to(topic)
                .partition(partition)
                .payload(value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    }
    producer.flush(WAIT_MAX).unwrap();
}

fn values(bootstrap: &str, topic: &str, partition: i32, isolation: &str) -> Vec<String> {
    let consumer = reader(bootstrap, &[("isolation.level", isolation)]);
    let read = read_until_end(&consumer, topic, partition, 0).into_iter();
    read.map(|read| String::from_utf8(read.record.value).unwrap())
        .collect()
}

/// Reads until consumers of committed records see exactly these in both partitions: the markers
/// follow the answer.
fn wait_for_committed(bootstrap: &str, topic: &str, expected: &[&str]) {
    let begun = Instant::now();
    loop {
        let read = [0, 1].map(|partition| values(bootstrap, topic, partition, COMMITTED));
        if read.iter().all(|read| read == expected) {
            return;
        }
        assert!(begun.elapsed() < WAIT_MAX, "{read:?} is not {expected:?}");
    }
}

#[test]
fn a_commit_is_seen_and_an_abort_is_not() {
    let broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "t", 2, &[]);
    let producer = producer(&bootstrap, "tx", &[]);
    producer.begin_transaction().unwrap();
    send(&producer, "t", &["a", "b"]);
    assert_eq!(values(&bootstrap, "t", 1, COMMITTED), [""; 0]);
    assert_eq!(values(&bootstrap, "t", 1, UNCOMMITTED), ["a", "b"]);
    producer.commit_transaction(WAIT_MAX).unwrap();
    wait_for_committed(&bootstrap, "t", &["a", "b"]);

    producer.begin_transaction().unwrap();
    send(&producer, "t", &["c"]);
    producer.abort_transaction(WAIT_MAX).unwrap();
    producer.begin_transaction().unwrap();
    send(&producer, "t", &["d"]);
    producer.commit_transaction(WAIT_MAX).unwrap();
    wait_for_committed(&bootstrap, "t", &["a", "b", "d"]);
    let all = values(&bootstrap, "t", 1, UNCOMMITTED);
    assert_eq!(all, ["a", "b", "c", "d"]);
}

#[test]
fn a_producer_that_was_replaced_is_fenced() {
    let broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "t", 2, &[]);
    let zombie = producer(&bootstrap, "tx", &[]);
    zombie.begin_transaction().unwrap();
    send(&zombie, "t", &["zombie"]);
    let next = producer(&bootstrap, "tx", &[]);
    let refused = zombie.commit_transaction(WAIT_MAX).unwrap_err();
    let KafkaError::Transaction(refused) = refused else {
        panic!("{refused}");
    };
    assert!(refused.is_fatal(), "{refused}");
    assert_eq!(refused.code(), RDKafkaErrorCode::Fenced, "{refused}");
    next.begin_transaction().unwrap();
    send(&next, "t", &["next"]);
    next.commit_transaction(WAIT_MAX).unwrap();
    wait_for_committed(&bootstrap, "t", &["next"]);
}

#[test]
fn a_transaction_that_is_left_open_holds_up_consumers_until_its_timeout() {
    let look = "transaction.abort.timed.out.transaction.cleanup.interval.ms";
    let broker = Broker::start(&[(look, "50")]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "t", 2, &[]);
    let gone = producer(&bootstrap, "gone", &[("transaction.timeout.ms", "1000")]);
    gone.begin_transaction().unwrap();
    send(&gone, "t", &["left open"]);
    // The process is gone, as far as the broker can tell: nothing more comes of it.
    let other = producer(&bootstrap, "other", &[]);
    other.begin_transaction().unwrap();
    send(&other, "t", &["other"]);
    other.commit_transaction(WAIT_MAX).unwrap();
    wait_for_committed(&bootstrap, "t", &["other"]);
    let late = gone.commit_transaction(WAIT_MAX).unwrap_err();
    let KafkaError::Transaction(late) = late else {
        panic!("{late}");
    };
    assert!(late.is_fatal(), "{late}");
}

/// A decision that was answered survives the death of the broker at once, and what was open at
/// that time is aborted when its producer is replaced.
#[test]
fn kill_9_takes_nothing_that_was_committed_and_leaves_nothing_open() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "t", 2, &[]);
    let mut expected = Vec::new();
    for (committed, open) in [("a", "b"), ("c", "d"), ("e", "f")] {
        let first = producer(&bootstrap, "tx", &[]);
        first.begin_transaction().unwrap();
        send(&first, "t", &[committed]);
        first.commit_transaction(WAIT_MAX).unwrap();
        expected.push(committed);
        let second = producer(&bootstrap, "open", &[]);
        second.begin_transaction().unwrap();
        send(&second, "t", &[open]);
        broker.kill_9();
        broker.start_again();
        let _replaces = producer(&bootstrap, "open", &[]);
        wait_for_committed(&bootstrap, "t", &expected);
    }
}
