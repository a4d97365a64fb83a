//! A coordinator beside its log. Appends are in the log at once; the test says when they are
//! acknowledged, and in which order.

use bytes::Bytes;

use crate::group::messages::TxnCommitRequest;
use crate::group::records::OffsetsRecord;
use crate::group::{
    CommitRequest, ConsumerConfig, Coordinator, Effect, FetchedOffset, GroupConfig, GroupError,
    Now, OffsetToCommit, PartitionsOfTopic, Producer, TransactionOutcome,
};

/// What a place of the log holds.
#[derive(Clone, Debug)]
pub enum Logged {
    Record {
        producer_id: Option<i64>,
        record: OffsetsRecord,
    },
    Marker {
        producer_id: i64,
        outcome: TransactionOutcome,
    },
    /// Compaction took it.
    Nothing,
}

pub struct World {
    pub coordinator: Coordinator<u32>,
    pub log: Vec<Logged>,
    /// Appends that are not acknowledged: tokens, in order.
    pub unacknowledged: Vec<u64>,
    /// Markers likewise: producer, outcome, offset.
    pub unacknowledged_markers: Vec<(i64, TransactionOutcome, i64)>,
    pub answers: Vec<Effect<u32>>,
    pub now: Now,
    /// The next append finds no room.
    pub is_full: bool,
}

pub fn coordinator() -> Coordinator<u32> {
    let config = GroupConfig {
        session_timeout_ms_min: 1_000,
        session_timeout_ms_max: 60_000,
        initial_rebalance_delay_ms: 0,
        members_max: 3,
        offsets_retention_ms: 1_000_000,
        offset_metadata_bytes_max: 10,
        consumer: ConsumerConfig::default(),
        own: Default::default(),
    };
    Coordinator::new(config, Box::new(|| "suffix".to_owned()))
}

pub fn to_commit(topic: &str, partition: i32, offset: i64) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic.to_owned(),
        partition,
        offset,
        ..OffsetToCommit::default()
    }
}

pub fn partitions(topic: &str, partitions: &[i32]) -> PartitionsOfTopic {
    PartitionsOfTopic {
        topic: topic.to_owned(),
        topic_id: uuid::Uuid::nil(),
        partitions: partitions.to_vec(),
    }
}

pub fn txn_commit(group_id: &str, producer_id: i64, offset: OffsetToCommit) -> TxnCommitRequest {
    TxnCommitRequest {
        group_id: group_id.to_owned(),
        producer: Producer {
            id: producer_id,
            epoch: 0,
        },
        generation: -1,
        member_id: String::new(),
        instance_id: None,
        knows_group_id_not_found: false,
        offsets: vec![offset],
    }
}

impl World {
    pub fn new() -> Self {
        Self {
            coordinator: coordinator(),
            log: Vec::new(),
            unacknowledged: Vec::new(),
            unacknowledged_markers: Vec::new(),
            answers: Vec::new(),
            now: Now {
                steady_ms: 50,
                wall_ms: 1_000,
            },
            is_full: false,
        }
    }

    fn write(&mut self, token: u64, producer_id: Option<i64>, records: Vec<OffsetsRecord>) {
        if self.is_full {
            let failed = Err(GroupError::CoordinatorNotAvailable);
            let effects = self.coordinator.appended(self.now, token, failed);
            return self.take(effects);
        }
        self.coordinator.placed(token, self.log.len() as i64);
        let records = records.into_iter().map(|record| Logged::Record {
            producer_id,
            record,
        });
        self.log.extend(records);
        self.unacknowledged.push(token);
    }

    pub fn take(&mut self, effects: Vec<Effect<u32>>) {
        for effect in effects {
            match effect {
                Effect::Append { token, records } => self.write(token, None, records),
                Effect::AppendInTransaction {
                    token,
                    producer,
                    records,
                } => self.write(token, Some(producer.id), records),
                answer => self.answers.push(answer),
            }
        }
    }

    pub fn commit(&mut self, group_id: &str, offset: OffsetToCommit) {
        let request = CommitRequest {
            group_id: group_id.to_owned(),
            generation: -1,
            offsets: vec![offset],
            ..CommitRequest::default()
        };
        let effects = self.coordinator.commit(self.now, request, 0);
        self.take(effects);
    }

    pub fn commit_in_transaction(&mut self, request: TxnCommitRequest) {
        let effects = self.coordinator.commit_in_transaction(self.now, request, 0);
        self.take(effects);
    }

    /// Writes a marker; the coordinator hears of it when it is acknowledged.
    pub fn write_marker(&mut self, producer_id: i64, outcome: TransactionOutcome) {
        let offset = self.log.len() as i64;
        self.log.push(Logged::Marker {
            producer_id,
            outcome,
        });
        self.unacknowledged_markers
            .push((producer_id, outcome, offset));
    }

    /// Acknowledges the append at `place` of those that wait.
    pub fn acknowledge(&mut self, place: usize) {
        let token = self.unacknowledged.remove(place);
        let effects = self.coordinator.appended(self.now, token, Ok(()));
        self.take(effects);
    }

    pub fn acknowledge_marker(&mut self, place: usize) {
        let (producer_id, outcome, offset) = self.unacknowledged_markers.remove(place);
        let coordinator = &mut self.coordinator;
        coordinator.transaction_completed(producer_id, outcome, offset);
    }

    pub fn settle(&mut self) {
        while !self.unacknowledged.is_empty() {
            self.acknowledge(0);
        }
        while !self.unacknowledged_markers.is_empty() {
            self.acknowledge_marker(0);
        }
    }

    pub fn delete(&mut self, group_id: &str, topic: &str, partition: i32) {
        let wanted = [partitions(topic, &[partition])];
        let effects = self.coordinator.delete_offsets(group_id, &wanted, 0);
        self.take(effects);
    }

    pub fn pass(&mut self, ms: i64) {
        self.now.steady_ms += ms;
        self.now.wall_ms += ms;
        let effects = self.coordinator.tick(self.now);
        self.take(effects);
    }

    /// Another coordinator that has read the log.
    pub fn restarted(&self) -> Coordinator<u32> {
        let mut restarted = coordinator();
        for (offset, logged) in self.log.iter().enumerate() {
            let offset = offset as i64;
            match logged {
                Logged::Record {
                    producer_id,
                    record,
                } => restarted
                    .replay(offset, *producer_id, &record.key, record.value.as_deref())
                    .unwrap(),
                Logged::Marker {
                    producer_id,
                    outcome,
                } => restarted.replay_marker(offset, *producer_id, *outcome),
                Logged::Nothing => {}
            }
        }
        restarted.loaded(self.now);
        restarted
    }

    /// The committed offset, as any client is told.
    pub fn offset(&self, group_id: &str, topic: &str, partition: i32) -> Option<i64> {
        let wanted = [partitions(topic, &[partition])];
        let fetched = self.coordinator.fetch_offsets(group_id, Some(&wanted));
        fetched[0].committed.as_ref().map(|found| found.offset)
    }

    /// What a fetch of stable offsets is answered, if it is answered at once.
    pub fn stable_offset(&mut self, group_id: &str, topic: &str) -> Option<FetchedOffset> {
        let wanted = Some(vec![partitions(topic, &[0])]);
        let effects = self
            .coordinator
            .fetch_stable_offsets(group_id.to_owned(), wanted, 7);
        self.take(effects);
        self.fetched()
    }

    /// The answer of the last fetch of stable offsets.
    pub fn fetched(&mut self) -> Option<FetchedOffset> {
        let found = self.answers.iter().find_map(|answer| match answer {
            Effect::Fetched(7, offsets) => Some(offsets[0].clone()),
            _ => None,
        });
        self.answers.clear();
        found
    }
}

/// The key and value of an offset's record, for a log that somebody else wrote.
pub fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}
