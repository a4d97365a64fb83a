//! A coordinator with its log, a disk that flushes when it is told, and partitions that take
//! markers when they are told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::transaction::metadata::Metadata;
use crate::transaction::records::TransactionRecord;
use crate::transaction::*;

pub const COMMIT: bool = true;
pub const ABORT: bool = false;

pub const ID: &str = "tx";
pub const TIMEOUT_MS: i32 = 60_000;

pub type Answer = Result<ProducerIdAndEpoch, TransactionError>;

pub fn producer(producer_id: i64, producer_epoch: i16) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch {
        producer_id,
        producer_epoch,
    }
}

pub fn of(topic: &str, index: i32) -> TopicPartition {
    TopicPartition {
        topic: topic.to_owned(),
        index,
    }
}

pub struct World {
    pub coordinator: Coordinator<usize>,
    pub now: Now,
    pub version: TransactionVersion,
    /// What was appended, flushed or not.
    pub log: Vec<TransactionRecord>,
    /// Appends that wait for the disk: token and where they end in the log.
    pub unflushed: VecDeque<(u64, usize)>,
    /// What a power cut leaves of the log.
    pub flushed: usize,
    /// Markers that no partition has yet.
    pub markers: VecDeque<(Markers, TopicPartition)>,
    /// Those that partitions have, in order.
    pub written: Vec<(TopicPartition, ProducerIdAndEpoch, bool)>,
    pub answers: Vec<Option<Answer>>,
    /// Appends from here on fail.
    pub is_full: bool,
    next_producer_id: i64,
}

fn new_coordinator() -> Coordinator<usize> {
    Coordinator::new(TransactionConfig {
        timeout_ms_max: 900_000,
        id_expiration_ms: 604_800_000,
    })
}

impl World {
    pub fn new(version: TransactionVersion) -> Self {
        Self {
            coordinator: new_coordinator(),
            now: Now {
                steady_ms: 5,
                wall_ms: 1_000_000,
            },
            version,
            log: Vec::new(),
            unflushed: VecDeque::new(),
            flushed: 0,
            markers: VecDeque::new(),
            written: Vec::new(),
            answers: Vec::new(),
            is_full: false,
            next_producer_id: 1000,
        }
    }

    /// Has the coordinator take an event; the number of its answer.
    fn event(
        &mut self,
        event: impl FnOnce(&mut Coordinator<usize>, Now, usize) -> Vec<Effect<usize>>,
    ) -> usize {
        if self.coordinator.lacks_producer_id() {
            self.coordinator.give_producer_id(self.next_producer_id);
            self.next_producer_id += 1;
        }
        self.coordinator.set_version(self.version);
        let number = self.answers.len();
        self.answers.push(None);
        let effects = event(&mut self.coordinator, self.now, number);
        self.carry_out(effects);
        number
    }

    pub fn carry_out(&mut self, effects: Vec<Effect<usize>>) {
        for effect in effects {
            match effect {
                Effect::Answer(number, answer) => {
                    let earlier = self.answers[number].replace(answer);
                    assert_eq!(earlier, None, "answered twice");
                }
                Effect::Append { token, .. } if self.is_full => {
                    let error = Err(TransactionError::NotCoordinator);
                    let more = self.coordinator.appended(self.now, token, error);
                    self.carry_out(more);
                }
                Effect::Append {
                    token,
                    records,
                    durable,
                } => {
                    self.log.extend(records);
                    if durable {
                        self.unflushed.push_back((token, self.log.len()));
                    } else {
                        let more = self.coordinator.appended(self.now, token, Ok(()));
                        self.carry_out(more);
                    }
                }
                Effect::Write(markers) => {
                    let partitions = markers.partitions.iter();
                    let each = partitions.map(|partition| (markers.clone(), partition.clone()));
                    self.markers.extend(each);
                }
            }
        }
    }

    /// False if there was nothing to flush.
    pub fn flush(&mut self) -> bool {
        let Some((token, end)) = self.unflushed.pop_front() else {
            return false;
        };
        self.flushed = self.flushed.max(end);
        let effects = self.coordinator.appended(self.now, token, Ok(()));
        self.carry_out(effects);
        true
    }

    /// The disk fails to flush what it was given first; false if that was nothing.
    pub fn fail_flush(&mut self) -> bool {
        let Some((token, _)) = self.unflushed.pop_front() else {
            return false;
        };
        let error = Err(TransactionError::NotCoordinator);
        let effects = self.coordinator.appended(self.now, token, error);
        self.carry_out(effects);
        true
    }

    /// False if there was no marker to write.
    pub fn write_marker(&mut self) -> bool {
        let Some((markers, partition)) = self.markers.pop_front() else {
            return false;
        };
        let marker = (partition.clone(), markers.producer, markers.commits);
        self.written.push(marker);
        let id = &markers.transactional_id;
        let effects = self.coordinator.marker_written(self.now, id, &partition);
        self.carry_out(effects);
        true
    }

    /// The disk and the partitions do what they are asked, until nothing is left to do.
    pub fn settle(&mut self) {
        while self.flush() || self.write_marker() {}
    }

    pub fn answer(&mut self, number: usize) -> Answer {
        self.settle();
        self.answers[number].expect("an answer")
    }

    pub fn tick(&mut self) {
        self.event(|coordinator, now, _| coordinator.tick(now));
    }

    pub fn pass(&mut self, ms: i64) {
        self.now.steady_ms += ms;
        self.now.wall_ms += ms;
    }

    /// The process dies, or the machine loses its power: another reads what is left of the log.
    pub fn restart(&mut self, power_cut: bool) {
        if power_cut {
            self.log.truncate(self.flushed);
        }
        self.flushed = self.log.len();
        self.unflushed.clear();
        self.markers.clear();
        self.now.steady_ms = 3;
        self.coordinator = new_coordinator();
        for record in &self.log {
            let replayed = self
                .coordinator
                .replay(&record.key, record.value.as_deref());
            assert_eq!(replayed, Ok(()));
        }
        self.coordinator.set_version(self.version);
        let effects = self.coordinator.loaded(self.now);
        self.carry_out(effects);
    }

    pub fn start_init(&mut self, expected: Option<ProducerIdAndEpoch>) -> usize {
        let request = InitProducer {
            transactional_id: ID.to_owned(),
            timeout_ms: TIMEOUT_MS,
            expected,
        };
        self.event(|coordinator, now, reply| coordinator.init_producer(now, request, reply))
    }

    pub fn init(&mut self) -> Answer {
        let number = self.start_init(None);
        self.answer(number)
    }

    pub fn recover(&mut self, expected: ProducerIdAndEpoch) -> Answer {
        let number = self.start_init(Some(expected));
        self.answer(number)
    }

    pub fn start_add(
        &mut self,
        producer: ProducerIdAndEpoch,
        partitions: &[TopicPartition],
    ) -> usize {
        let request = AddPartitions {
            transactional_id: ID.to_owned(),
            producer,
            partitions: partitions.iter().cloned().collect(),
            version: self.version,
        };
        self.event(|coordinator, now, reply| coordinator.add_partitions(now, request, reply))
    }

    pub fn add(&mut self, producer: ProducerIdAndEpoch, partitions: &[TopicPartition]) -> Answer {
        let number = self.start_add(producer, partitions);
        self.answer(number)
    }

    pub fn start_end(&mut self, producer: ProducerIdAndEpoch, commits: bool) -> usize {
        let request = EndTransaction {
            transactional_id: ID.to_owned(),
            producer,
            commits,
            version: self.version,
        };
        self.event(|coordinator, now, reply| coordinator.end_transaction(now, request, reply))
    }

    pub fn end(&mut self, producer: ProducerIdAndEpoch, commits: bool) -> Answer {
        let number = self.start_end(producer, commits);
        self.answer(number)
    }

    pub fn start_await(&mut self) -> usize {
        self.event(|coordinator, _, reply| coordinator.await_settled(ID, reply))
    }

    pub fn metadata(&self) -> &Metadata {
        &self.coordinator.ids[ID].metadata
    }

    pub fn state(&self) -> TransactionState {
        self.metadata().state
    }

    /// Has the log say that the id is so, and restarts from it.
    pub fn put(&mut self, metadata: &Metadata) {
        let record = records::value_record(ID, metadata, TransactionVersion::V2);
        self.log.push(record);
        self.restart(false);
    }

    /// An open transaction at that epoch, in partitions 0 and 1 of topic t.
    pub fn put_ongoing(&mut self, producer_epoch: i16) {
        let mut metadata = Metadata::new(7, TIMEOUT_MS, self.now.wall_ms);
        metadata.producer_epoch = producer_epoch;
        metadata.previous_producer_id = 7;
        metadata.state = TransactionState::Ongoing;
        metadata.partitions = BTreeSet::from([of("t", 0), of("t", 1)]);
        metadata.start_ms = self.now.wall_ms;
        metadata.version = self.version;
        self.put(&metadata);
    }

    /// What the log says of each id.
    pub fn stored(&self) -> BTreeMap<String, Metadata> {
        let mut replayed = new_coordinator();
        for record in &self.log {
            let _ = replayed.replay(&record.key, record.value.as_deref());
        }
        let ids = replayed.ids.into_iter();
        ids.map(|(id, entry)| (id, entry.metadata)).collect()
    }
}
