//! Members join and leave while records keep coming: each record goes to one of them, once. So it
//! is with either protocol, while a group changes from one to the other, and over a restart.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;

use crate::harness::{Broker, Load, WAIT_MAX, client, create_topic};

const PARTITIONS: i32 = 6;
const RECORDS: u64 = 6_000;

/// Keys and values.
type Settings<'a> = &'a [(&'a str, &'a str)];

const CONSUMER: Settings<'static> = &[("group.protocol", "consumer")];

/// Heartbeats of the consumer protocol come as the broker says: often, so that nobody waits long.
const BROKER: Settings<'static> = &[
    ("group.consumer.min.heartbeat.interval.ms", "200"),
    ("group.consumer.heartbeat.interval.ms", "200"),
    ("group.consumer.assignment.interval.ms", "0"),
];

struct Group {
    bootstrap: String,
    topics: &'static str,
    members: Vec<BaseConsumer>,
    seen: BTreeMap<(i32, i64), usize>,
}

impl Group {
    fn of(broker: &Broker, topics: &'static str) -> Self {
        Self {
            bootstrap: broker.bootstrap(),
            topics,
            members: Vec::new(),
            seen: BTreeMap::new(),
        }
    }

    fn join(&mut self, settings: Settings<'_>) {
        // What is stored is committed when a partition is taken away, before anybody else may
        // read on. The client must not store by itself: closing it discards records that it
        // has fetched, and would store them as though they had been read.
        let mut config = client(&self.bootstrap);
        config
            .set("group.id", "sharing")
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.offset.store", "false")
            .set("topic.metadata.refresh.interval.ms", "1000")
            .set("fetch.wait.max.ms", "50");
        if settings != CONSUMER {
            config.set("heartbeat.interval.ms", "200");
        }
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let member: BaseConsumer = config.create().unwrap();
        member.subscribe(&[self.topics]).unwrap();
        self.members.push(member);
    }

    /// Polls every member in turn until `done`.
    fn poll_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !done(self) {
            assert!(
                begun.elapsed() < WAIT_MAX,
                "waited for {what}; {} records read, shares {:?}",
                self.seen.len(),
                self.shares()
            );
            for member in &self.members {
                for _ in 0..200 {
                    let Some(message) = member.poll(Duration::from_millis(1)) else {
                        break;
                    };
                    let message = match message {
                        // The broker is being started again.
                        Err(KafkaError::MessageConsumption(
                            RDKafkaErrorCode::AllBrokersDown
                            | RDKafkaErrorCode::BrokerTransportFailure,
                        )) => continue,
                        message => message.unwrap(),
                    };
                    member.store_offset_from_message(&message).unwrap();
                    let place = (message.partition(), message.offset());
                    *self.seen.entry(place).or_default() += 1;
                    assert_eq!(self.seen[&place], 1, "{place:?} came twice");
                }
            }
        }
    }

    fn shares(&self) -> Vec<usize> {
        let count = |member: &BaseConsumer| member.assignment().unwrap().count();
        self.members.iter().map(count).collect()
    }

    fn is_balanced(&self) -> bool {
        let fair = PARTITIONS as usize / self.members.len();
        self.shares().iter().all(|share| *share == fair)
    }
}

/// Sends the records of these numbers.
fn send(load: &Load, numbers: std::ops::Range<u64>) {
    for number in numbers {
        load.send_record("shared", (number % PARTITIONS as u64) as i32, number);
    }
}

fn share(topics: &'static str, settings: Settings<'_>) {
    let broker = Broker::start(BROKER);
    create_topic(&broker.bootstrap(), "shared", PARTITIONS, &[]);
    let load = Load::new(&broker.bootstrap(), &[("enable.idempotence", "true")]);
    let mut group = Group::of(&broker, topics);
    send(&load, 0..RECORDS / 2);
    for _ in 0..3 {
        group.join(settings);
        group.poll_until("a fair share for each", Group::is_balanced);
    }
    send(&load, RECORDS / 2..RECORDS);
    group.poll_until("half of the records", |group| {
        group.seen.len() as u64 > RECORDS / 2
    });
    // Dropping a consumer closes it: it commits, and leaves the group.
    group.members.remove(0);
    group.poll_until("all records and fair shares", |group| {
        group.is_balanced() && group.seen.len() as u64 == RECORDS
    });
    load.finish();
    assert_eq!(load.failed(), []);
    assert!(group.seen.keys().eq(load.acked().keys()));
}

fn assignor(name: &str) -> [(&str, &str); 1] {
    [("partition.assignment.strategy", name)]
}

#[test]
fn with_range() {
    share("shared", &assignor("range"));
}

#[test]
fn with_roundrobin() {
    share("shared", &assignor("roundrobin"));
}

#[test]
fn with_cooperative_sticky() {
    share("shared", &assignor("cooperative-sticky"));
}

#[test]
fn with_the_consumer_protocol() {
    share("shared", CONSUMER);
}

#[test]
fn with_the_consumer_protocol_and_an_expression() {
    share("^shar.*", CONSUMER);
}

/// A classic group is upgraded member by member, and goes back the same way.
#[test]
fn while_it_changes_its_protocol_and_back() {
    let broker = Broker::start(BROKER);
    create_topic(&broker.bootstrap(), "shared", PARTITIONS, &[]);
    let load = Load::new(&broker.bootstrap(), &[("enable.idempotence", "true")]);
    let mut group = Group::of(&broker, "shared");
    let classic = assignor("cooperative-sticky");
    let rounds: [Settings<'_>; 4] = [CONSUMER, CONSUMER, &classic, &classic];
    let each = RECORDS / (rounds.len() as u64 + 1);
    group.join(&classic);
    group.join(&classic);
    send(&load, 0..each);
    group.poll_until("fair shares", Group::is_balanced);
    for (round, settings) in (1..).zip(rounds) {
        group.join(settings);
        group.poll_until("a fair share for three", Group::is_balanced);
        send(&load, round * each..(round + 1) * each);
        // The one that has been there longest goes.
        group.members.remove(0);
        group.poll_until("all records and fair shares", |group| {
            group.is_balanced() && group.seen.len() as u64 == (round + 1) * each
        });
    }
    load.finish();
    assert_eq!(load.failed(), []);
    assert!(group.seen.keys().eq(load.acked().keys()));
}

/// Members of the consumer protocol are there again, with their partitions, when the broker is.
#[test]
fn over_a_restart() {
    let mut broker = Broker::start(BROKER);
    create_topic(&broker.bootstrap(), "shared", PARTITIONS, &[]);
    let load = Load::new(&broker.bootstrap(), &[("enable.idempotence", "true")]);
    let mut group = Group::of(&broker, "shared");
    group.join(CONSUMER);
    group.join(CONSUMER);
    send(&load, 0..RECORDS / 2);
    group.poll_until("half of the records and fair shares", |group| {
        group.is_balanced() && group.seen.len() as u64 == RECORDS / 2
    });
    broker.kill_9();
    broker.start_again();
    send(&load, RECORDS / 2..RECORDS);
    group.poll_until("all records and fair shares", |group| {
        group.is_balanced() && group.seen.len() as u64 == RECORDS
    });
    load.finish();
    assert_eq!(load.failed(), []);
    assert!(group.seen.keys().eq(load.acked().keys()));
}
