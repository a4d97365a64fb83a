//! Members join and leave while records keep coming: each record goes to one of them, once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;

use crate::harness::{Broker, Load, WAIT_MAX, client, create_topic};

const PARTITIONS: i32 = 6;
const RECORDS: u64 = 6_000;

struct Group<'a> {
    broker: &'a Broker,
    assignor: &'a str,
    members: Vec<BaseConsumer>,
    seen: BTreeMap<(i32, i64), usize>,
}

impl Group<'_> {
    fn join(&mut self) {
        // What is stored is committed when a partition is taken away, before anybody else may
        // read on. The client must not store by itself: closing it discards records that it
        // has fetched, and would store them as though they had been read.
        let member: BaseConsumer = client(&self.broker.bootstrap())
            .set("group.id", "sharing")
            .set("partition.assignment.strategy", self.assignor)
            .set("auto.offset.reset", "earliest")
            .set("enable.auto.offset.store", "false")
            .set("heartbeat.interval.ms", "200")
            .set("fetch.wait.max.ms", "50")
            .create()
            .unwrap();
        member.subscribe(&["shared"]).unwrap();
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
                    let message = message.unwrap();
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

fn share(assignor: &str) {
    let broker = Broker::start(&[]);
    create_topic(&broker.bootstrap(), "shared", PARTITIONS, &[]);
    let load = Load::new(&broker.bootstrap(), &[("enable.idempotence", "true")]);
    let send = |numbers: std::ops::Range<u64>| {
        for number in numbers {
            load.send_record("shared", (number % PARTITIONS as u64) as i32, number);
        }
    };
    let mut group = Group {
        broker: &broker,
        assignor,
        members: Vec::new(),
        seen: BTreeMap::new(),
    };
    send(0..RECORDS / 2);
    for _ in 0..3 {
        group.join();
        group.poll_until("a fair share for each", Group::is_balanced);
    }
    send(RECORDS / 2..RECORDS);
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

#[test]
fn with_range() {
    share("range");
}

#[test]
fn with_roundrobin() {
    share("roundrobin");
}

#[test]
fn with_cooperative_sticky() {
    share("cooperative-sticky");
}
