//! A topic is deleted and made again under the same name, over and over, while clients write to
//! it and read it: whatever is read was written to the topic that is there now.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use crate::harness::{
    Broker, Load, WAIT_MAX, create_topic, delete_topic, read_all, reader, record, try_delete_topic,
};

const PARTITIONS: i32 = 4;

/// The longest that a name may be: what is put after it does not fit a file name any more.
fn long_name() -> String {
    "n".repeat(249)
}

/// Records of one generation of the topic, told from all others by their numbers.
fn numbers(generation: u64) -> std::ops::Range<u64> {
    generation * 1000..generation * 1000 + 40
}

fn produce(broker: &Broker, topic: &str, generation: u64) {
    let load = Load::new(&broker.bootstrap(), &[]);
    for number in numbers(generation) {
        load.send_record(topic, (number % PARTITIONS as u64) as i32, number);
    }
    load.finish();
    assert_eq!(load.failed(), []);
}

/// All that the topic has is of this generation, and all of this generation is there.
fn check(broker: &Broker, topic: &str, generation: u64) {
    for partition in 0..PARTITIONS {
        let read = read_all(&broker.bootstrap(), topic, partition);
        let expected: Vec<_> = numbers(generation)
            .filter(|number| number % PARTITIONS as u64 == partition as u64)
            .map(record)
            .collect();
        let mut read: Vec<_> = read.into_iter().map(|read| read.record).collect();
        // What was sent again, as the topic was new to the client, may have come later.
        read.sort_by_key(|record| record.timestamp_ms);
        assert_eq!(
            read, expected,
            "partition {partition} of generation {generation}"
        );
    }
}

fn over_and_over(topic: &str, mut between: impl FnMut(&mut Broker)) {
    let mut broker = Broker::start(&[("naru.shards", "2")]);
    for generation in 1..=6 {
        create_topic(&broker.bootstrap(), topic, PARTITIONS, &[]);
        produce(&broker, topic, generation);
        check(&broker, topic, generation);
        delete_topic(&broker.bootstrap(), topic);
        between(&mut broker);
    }
    create_topic(&broker.bootstrap(), topic, PARTITIONS, &[]);
    check_empty(&broker, topic);
    assert!(broker.terminate().success());
    broker.start_again();
    check_empty(&broker, topic);
    let stray = |name: &String| name.ends_with(".stray");
    assert!(!names(&broker).iter().any(stray), "{:?}", names(&broker));
}

fn check_empty(broker: &Broker, topic: &str) {
    for partition in 0..PARTITIONS {
        assert_eq!(read_all(&broker.bootstrap(), topic, partition), []);
    }
}

fn names(broker: &Broker) -> Vec<String> {
    let entries = fs::read_dir(broker.dir()).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}

#[test]
fn in_quick_succession() {
    over_and_over("again", |_| {});
}

#[test]
fn under_the_longest_name() {
    over_and_over(&long_name(), |_| {});
}

#[test]
fn with_kill_9_after_each_deletion() {
    over_and_over("again", |broker| {
        broker.kill_9();
        broker.start_again();
    });
}

#[test]
fn with_kill_9_while_it_is_being_deleted() {
    let mut broker = Broker::start(&[("naru.shards", "2")]);
    for generation in 1..=6 {
        create_topic(&broker.bootstrap(), "again", PARTITIONS, &[]);
        produce(&broker, "again", generation);
        let bootstrap = broker.bootstrap();
        std::thread::scope(|scope| {
            // Whether the answer comes is open.
            scope.spawn(move || try_delete_topic(&bootstrap, "again"));
            broker.kill_9();
        });
        broker.start_again();
        if is_there(&broker) {
            check(&broker, "again", generation);
            delete_topic(&broker.bootstrap(), "again");
        }
        create_topic(&broker.bootstrap(), "again", PARTITIONS, &[]);
        check_empty(&broker, "again");
        delete_topic(&broker.bootstrap(), "again");
    }
}

fn is_there(broker: &Broker) -> bool {
    let consumer = reader(&broker.bootstrap(), &[]);
    let metadata = consumer.fetch_metadata(None, WAIT_MAX).unwrap();
    metadata
        .topics()
        .iter()
        .any(|topic| topic.name() == "again")
}

/// A producer and a reader that know nothing of the deletions, beside them.
#[test]
fn with_a_producer_and_a_consumer_at_work() {
    let broker = Broker::start(&[("naru.shards", "2"), ("auto.create.topics.enable", "false")]);
    let bootstrap = broker.bootstrap();
    let (is_over, generation) = (AtomicBool::new(false), AtomicU64::new(1));
    create_topic(&broker.bootstrap(), "again", PARTITIONS, &[]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                // A ledger of its own each time: offsets come again with each topic.
                let load = Load::new(&bootstrap, &[("message.timeout.ms", "2000")]);
                load.send_value("again", 0, 0, b"of whichever topic is there");
                load.finish();
            }
        });
        scope.spawn(|| {
            // The topic of a generation is gone before the number of the next one is set.
            let consumer = reader(&bootstrap, &[("auto.offset.reset", "earliest")]);
            while !is_over.load(Ordering::SeqCst) {
                let now = generation.load(Ordering::SeqCst);
                for number in read_some(&consumer) {
                    assert!(number / 1000 >= now, "{number} is of a topic before {now}");
                }
            }
        });
        for next in 2..=12 {
            delete_topic(&broker.bootstrap(), "again");
            generation.store(next, Ordering::SeqCst);
            create_topic(&broker.bootstrap(), "again", PARTITIONS, &[]);
            produce(&broker, "again", next);
        }
        is_over.store(true, Ordering::SeqCst);
    });
}

/// The numbers of the known records of partition 0 from the beginning, as far as they go.
fn read_some(consumer: &BaseConsumer) -> Vec<u64> {
    let mut place = TopicPartitionList::new();
    place
        .add_partition_offset("again", 0, Offset::Beginning)
        .unwrap();
    consumer.assign(&place).unwrap();
    let mut numbers = Vec::new();
    loop {
        match consumer.poll(std::time::Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let text = String::from_utf8_lossy(message.payload().unwrap_or_default());
                let number = text
                    .strip_prefix("record ")
                    .and_then(|rest| rest.split(' ').next());
                numbers.extend(number.map(|number| number.parse::<u64>().unwrap()));
            }
            Some(Err(KafkaError::PartitionEOF(_))) | None => return numbers,
            // It is deleted just now.
            Some(Err(_)) => {}
        }
    }
}

#[test]
fn and_directories_of_no_topic_are_set_aside() {
    let mut broker = Broker::start(&[]);
    let bootstrap = broker.bootstrap();
    create_topic(&bootstrap, "kept", PARTITIONS, &[]);
    produce(&broker, "kept", 1);
    assert!(broker.terminate().success());
    // As though they came from another broker, or from a backup of this one.
    for (from, to) in [("kept-0", "stranger-0"), ("kept-1", "kept-7")] {
        let (from, to) = (broker.dir().join(from), broker.dir().join(to));
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
    broker.start_again();
    check(&broker, "kept", 1);
    create_topic(&bootstrap, "stranger", PARTITIONS, &[]);
    check_empty(&broker, "stranger");
    produce(&broker, "stranger", 2);
    check(&broker, "stranger", 2);
    let names = names(&broker);
    for stray in ["stranger-0.stray", "kept-7.stray"] {
        assert!(names.iter().any(|name| name == stray), "{names:?}");
    }
}
