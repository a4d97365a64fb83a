//! What the server has promised, and whether it keeps it.
//!
//! - `acks=all`: the record is there for ever.
//! - `acks=1`: the record survives everything but a power cut.
//! - A record that a consumer has seen is there for ever, at its offset.
//! - Of an idempotent producer all records are there once, in order, without a gap.
//! - A committed offset does not go back.
//! - A topic whose creation was answered is there until its deletion is asked for; one whose
//!   deletion was answered is gone.

use std::collections::{BTreeMap, BTreeSet};

/// A record: who produced it, and which of its records it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub producer: u64,
    pub sequence: u64,
}

impl Mark {
    pub fn to_value(self) -> String {
        format!("{}:{}", self.producer, self.sequence)
    }

    pub fn of_value(value: &[u8]) -> Self {
        let value = std::str::from_utf8(value).expect("nobody writes anything but text");
        let (producer, sequence) = value.split_once(':').expect("nobody writes other records");
        Self {
            producer: producer.parse().unwrap(),
            sequence: sequence.parse().unwrap(),
        }
    }
}

/// How a producer produces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Idempotent,
    /// Without retries.
    Plain,
    /// `acks=0`.
    Unanswered,
}

struct Producer {
    kind: Kind,
    partition: i32,
    /// Records below this number were acknowledged with `acks=all`.
    safe_until: u64,
    /// Records whose connection was given up before their answer came. They may be on their way
    /// still, and be overtaken by what goes over the next one.
    late: BTreeSet<u64>,
}

#[derive(Default)]
pub struct Ledger {
    producers: Vec<Producer>,
    /// Acknowledged with `acks=1` since the last power cut, by partition and offset.
    written: BTreeMap<(i32, i64), Mark>,
    /// Seen by a reader, by partition and offset.
    seen: BTreeMap<(i32, i64), Mark>,
    power_cuts: u64,
    committed: BTreeMap<i32, i64>,
    topics: BTreeSet<String>,
    deleted_topics: BTreeSet<String>,
    pub counts: Counts,
}

/// How much happened: a run in which nothing did would prove nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub safe: u64,
    pub written: u64,
    pub seen: u64,
    pub commits: u64,
    pub topics: u64,
}

impl Ledger {
    /// A new producer's number.
    pub fn enter(&mut self, kind: Kind, partition: i32) -> u64 {
        self.producers.push(Producer {
            kind,
            partition,
            safe_until: 0,
            late: BTreeSet::new(),
        });
        self.producers.len() as u64 - 1
    }

    pub fn given_up(&mut self, mark: Mark) {
        let producer = &mut self.producers[mark.producer as usize];
        producer.late.insert(mark.sequence);
    }

    pub fn acknowledged_by_all(&mut self, producer: u64, until: u64) {
        let producer = &mut self.producers[producer as usize];
        assert!(producer.safe_until <= until);
        self.counts.safe += until - producer.safe_until;
        producer.safe_until = until;
    }

    pub fn acknowledged_by_one(&mut self, partition: i32, offset: i64, mark: Mark) {
        self.counts.written += 1;
        let earlier = self.written.insert((partition, offset), mark);
        assert_eq!(
            earlier, None,
            "offset {offset} of {partition} was given twice"
        );
    }

    pub fn power_was_cut(&mut self) {
        self.written.clear();
        self.power_cuts += 1;
    }

    pub fn power_cuts(&self) -> u64 {
        self.power_cuts
    }

    /// A reader has got this record.
    pub fn saw(&mut self, partition: i32, offset: i64, mark: Mark) {
        let earlier = self.seen.insert((partition, offset), mark);
        match earlier {
            None => self.counts.seen += 1,
            Some(earlier) => assert_eq!(
                earlier, mark,
                "a record at offset {offset} of partition {partition} became another one"
            ),
        }
        let producer = self.producers.get(mark.producer as usize);
        let producer = producer.unwrap_or_else(|| panic!("{mark:?} was never produced"));
        assert_eq!(
            producer.partition, partition,
            "{mark:?} is in another partition"
        );
    }

    pub fn committed(&mut self, partition: i32, offset: i64) {
        self.counts.commits += 1;
        let committed = self.committed.entry(partition).or_insert(-1);
        *committed = offset.max(*committed);
    }

    /// What the group has committed at least, -1 for nothing.
    pub fn committed_min(&self, partition: i32) -> i64 {
        self.committed.get(&partition).copied().unwrap_or(-1)
    }

    /// It may be there from now on.
    pub fn creates(&mut self, topic: &str) {
        self.deleted_topics.remove(topic);
    }

    pub fn created(&mut self, topic: &str) {
        self.counts.topics += 1;
        self.topics.insert(topic.to_owned());
    }

    /// It may go from now on.
    pub fn deletes(&mut self, topic: &str) {
        self.topics.remove(topic);
    }

    pub fn deleted(&mut self, topic: &str) {
        self.deleted_topics.insert(topic.to_owned());
    }

    pub fn check_topics(&self, found: &BTreeSet<String>) {
        for topic in &self.topics {
            assert!(
                found.contains(topic),
                "topic {topic} was created, and is gone"
            );
        }
        for topic in &self.deleted_topics {
            assert!(
                !found.contains(topic),
                "topic {topic} was deleted, and is there"
            );
        }
    }

    /// How far a partition reaches at least.
    pub fn end_min(&self, partition: i32) -> i64 {
        let promised = self.written.keys().chain(self.seen.keys());
        let of_partition = promised.filter(|(of, _)| *of == partition);
        of_partition
            .map(|(_, offset)| offset + 1)
            .max()
            .unwrap_or(0)
    }

    /// Checks a whole partition, from offset 0 on.
    pub fn check_partition(&self, partition: i32, records: &[Mark]) {
        let promised = self.written.iter().chain(&self.seen);
        for ((_, offset), mark) in promised.filter(|((of, _), _)| *of == partition) {
            let found = records.get(*offset as usize);
            assert_eq!(
                found,
                Some(mark),
                "offset {offset} of partition {partition} is not what was promised"
            );
        }
        for (number, producer) in self.producers.iter().enumerate() {
            let own = records.iter().filter(|mark| mark.producer == number as u64);
            let own: Vec<u64> = own.map(|mark| mark.sequence).collect();
            match producer.kind {
                _ if producer.partition != partition => assert!(own.is_empty()),
                Kind::Idempotent => {
                    let expected: Vec<u64> = (0..own.len() as u64).collect();
                    assert_eq!(own, expected, "producer {number}: gaps or duplicates");
                    assert!(
                        own.len() as u64 >= producer.safe_until,
                        "producer {number}: {} records of {} that are safe",
                        own.len(),
                        producer.safe_until
                    );
                }
                Kind::Plain | Kind::Unanswered => {
                    let in_time = own.iter().filter(|&of| !producer.late.contains(of));
                    assert!(
                        in_time.is_sorted_by(|one, next| one < next),
                        "producer {number}: out of order: {own:?}"
                    );
                    let distinct: BTreeSet<u64> = own.iter().copied().collect();
                    assert_eq!(distinct.len(), own.len(), "producer {number}: duplicates");
                }
            }
        }
    }
}
