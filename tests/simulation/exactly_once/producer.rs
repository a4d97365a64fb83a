//! A transactional producer: every request and answer goes into the history.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use naru_record_batch::BatchBuilder;
use naru_wire::ErrorCode;
use naru_wire::api::add_offsets_to_txn::AddOffsetsToTxnRequest;
use naru_wire::api::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use naru_wire::api::end_txn::EndTxnRequest;
use naru_wire::api::find_coordinator::FindCoordinatorRequest;
use naru_wire::api::init_producer_id::InitProducerIdRequest;
use naru_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use naru_wire::api::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use super::history::{Identity, Outcome, Place};
use super::scene::{GROUP, Scene};
use crate::client::{Client, Lost, text};
use crate::ledger::Mark;
use crate::transactions::Flow;
use crate::world::TOPIC;

const PAUSE_MS_MAX: u64 = 60;
const TIMEOUT_MS: i32 = 5_000;
/// A batch is sent so often before its producer begins anew.
const SENDS_MAX: u32 = 4;

/// Something that this producer cannot go on from: it begins anew.
#[derive(Debug)]
pub struct Begins;

impl From<Lost> for Begins {
    fn from(_: Lost) -> Self {
        Self
    }
}

pub struct Producer {
    scene: Rc<Scene>,
    client: Client,
    number: u64,
    id: String,
    timeout_ms: i32,
    flow: Flow,
    identity: Option<Identity>,
    /// The next sequence in each partition.
    sequences: BTreeMap<Place, i32>,
    /// What the open transaction has, in the old flow.
    added: BTreeSet<Place>,
    transaction: Option<u64>,
}

/// What to do about an error.
fn is_passing(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::ConcurrentTransactions
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::RequestTimedOut
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    )
}

/// Kinds of coordinators.
pub const GROUP_KIND: i8 = 0;
const TRANSACTION: i8 = 1;

/// Until there is one: the first who asks has its topic made.
pub async fn find_coordinator(client: &mut Client, key: &str, key_type: i8) {
    let find = FindCoordinatorRequest {
        key: text(key),
        key_type,
        ..Default::default()
    };
    loop {
        match client.call(&find, 3).await {
            Ok(found) if found.error_code.is_none() => return,
            Ok(_) => client.hang_up().await,
            Err(Lost) => {}
        }
    }
}

impl Producer {
    pub fn new(scene: &Rc<Scene>, id: String, timeout_ms: i32) -> Self {
        Self {
            client: Client::new(&scene.world.io),
            number: scene.history.borrow_mut().enter(),
            scene: Rc::clone(scene),
            id,
            timeout_ms,
            flow: Flow::Old,
            identity: None,
            sequences: BTreeMap::new(),
            added: BTreeSet::new(),
            transaction: None,
        }
    }

    async fn pause(&self) {
        self.scene.world.pause(PAUSE_MS_MAX).await;
    }

    /// Takes the id, however often that has to be tried; what was open is aborted. A producer that
    /// has had it may say so (KIP-360), until it hears that somebody else has it.
    pub async fn begin_anew(&mut self, flow: Flow) {
        self.flow = flow;
        self.transaction = None;
        self.added.clear();
        let mut expected = self.identity.filter(|_| self.scene.world.below(3) == 0);
        loop {
            let id = self.id.clone();
            find_coordinator(&mut self.client, &id, TRANSACTION).await;
            let init = InitProducerIdRequest {
                transactional_id: Some(text(&self.id)),
                transaction_timeout_ms: self.timeout_ms,
                producer_id: expected.map_or(-1, |known| known.producer_id),
                producer_epoch: expected.map_or(-1, |known| known.epoch),
            };
            match self.client.call(&init, 5).await {
                Ok(begun) if begun.error_code.is_none() => {
                    let identity = Identity {
                        producer_id: begun.producer_id,
                        epoch: begun.producer_epoch,
                    };
                    let now = self.scene.now();
                    let mut history = self.scene.history.borrow_mut();
                    history.took(&self.id, self.number, identity, now);
                    self.identity = Some(identity);
                    self.sequences.clear();
                    return;
                }
                Ok(begun) if is_passing(begun.error_code) => self.pause().await,
                Ok(begun) => {
                    let is_known = expected.take().is_some();
                    assert!(is_known, "{} cannot be taken: {begun:?}", self.id);
                    self.scene.history.borrow_mut().counts.fenced += 1;
                }
                Err(Lost) => {}
            }
        }
    }

    fn identity(&self) -> Identity {
        self.identity.expect("nobody writes before it has its id")
    }

    /// The number of the transaction that is open, or begins now.
    pub fn transaction(&mut self) -> u64 {
        let history = &self.scene.history;
        *self
            .transaction
            .get_or_insert_with(|| history.borrow_mut().begin())
    }

    /// What the transaction that begins now stands for.
    pub fn consumes(&mut self, partition: i32, offsets: Range<i64>) {
        let number = self.transaction();
        let mut history = self.scene.history.borrow_mut();
        history.transaction(number).consumed = Some((partition, offsets));
    }

    /// Writes so many records to a partition, and waits for the answer.
    pub async fn produce(&mut self, place: Place, count: u64) -> Result<(), Begins> {
        if self.flow == Flow::Old && self.added.insert(place) {
            self.add_partition(place).await?;
        }
        let number = self.transaction();
        let identity = self.identity();
        let sequence = *self.sequences.entry(place).or_insert(0);
        let marks = self.marks(number, place, count);
        let builder =
            BatchBuilder::default().producer(identity.producer_id, identity.epoch, sequence);
        let mut builder = builder.transactional();
        for mark in &marks {
            let wall_ms = self.scene.world.io.wall_ms();
            builder.push_pair(wall_ms, None, Some(mark.to_value().as_bytes()));
        }
        let request = ProduceRequest {
            transactional_id: Some(text(&self.id)),
            acks: -1,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![TopicProduceData {
                name: text(place.topic),
                partition_data: vec![PartitionProduceData {
                    index: place.partition,
                    records: Some(Bytes::from(builder.build().unwrap())),
                }],
                ..Default::default()
            }],
        };
        let base_offset = self.send(&request).await?;
        self.sequences.insert(place, sequence + count as i32);
        let offsets = (0..).map(|at| (base_offset >= 0).then_some(base_offset + at));
        let mut history = self.scene.history.borrow_mut();
        let records = &mut history.transaction(number).records;
        let records = records.entry(place).or_default();
        records.extend(marks.into_iter().zip(offsets));
        Ok(())
    }

    /// Marks that the transaction has not used in this partition.
    fn marks(&self, number: u64, place: Place, count: u64) -> Vec<Mark> {
        let mut history = self.scene.history.borrow_mut();
        let records = &history.transaction(number).records;
        let first = records.get(&place).map_or(0, |sent| sent.len() as u64);
        let mark = |sequence| Mark {
            producer: number,
            sequence,
        };
        (first..first + count).map(mark).collect()
    }

    /// The base offset, or -1 if the batch was there already and where is not known.
    async fn send(&mut self, request: &ProduceRequest) -> Result<i64, Begins> {
        let mut sends = 0;
        loop {
            sends += 1;
            if sends > SENDS_MAX {
                return Err(Begins);
            }
            let asked_at = self.scene.now();
            let version = self.flow.produce_version();
            let Ok(response) = self.client.call(request, version).await else {
                continue;
            };
            let answer = &response.responses[0].partition_responses[0];
            match answer.error_code {
                ErrorCode::None => {
                    let history = self.scene.history.borrow();
                    history.was_served(&self.id, self.identity(), asked_at, "a batch");
                    return Ok(answer.base_offset);
                }
                ErrorCode::DuplicateSequenceNumber => return Ok(-1),
                code if is_passing(code) => self.pause().await,
                _ => return Err(Begins),
            }
        }
    }

    async fn add_partition(&mut self, place: Place) -> Result<(), Begins> {
        let identity = self.identity();
        let request = AddPartitionsToTxnRequest {
            transactional_id: text(&self.id),
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            topics: vec![AddPartitionsToTxnTopic {
                name: text(place.topic),
                partitions: vec![place.partition],
            }],
            ..Default::default()
        };
        loop {
            let asked_at = self.scene.now();
            let response = self.client.call(&request, 3).await?;
            let topic = &response.results_by_topic[0];
            match topic.results_by_partition[0].partition_error_code {
                ErrorCode::None => {
                    let history = self.scene.history.borrow();
                    history.was_served(&self.id, identity, asked_at, "an added partition");
                    return Ok(());
                }
                code if is_passing(code) => self.pause().await,
                _ => return Err(Begins),
            }
        }
    }

    /// The input of `partition` is consumed up to `offset` if the transaction commits.
    pub async fn send_offset(&mut self, partition: i32, offset: i64) -> Result<(), Begins> {
        let identity = self.identity();
        if self.flow == Flow::Old {
            self.add_offsets().await?;
        }
        let request = TxnOffsetCommitRequest {
            transactional_id: text(&self.id),
            group_id: text(GROUP),
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: text(TOPIC),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: partition,
                    committed_offset: offset,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let version = match self.flow {
            Flow::Old => 4,
            Flow::EpochEach => 5,
        };
        loop {
            let asked_at = self.scene.now();
            let response = self.client.call(&request, version).await?;
            match response.topics[0].partitions[0].error_code {
                ErrorCode::None => {
                    let history = self.scene.history.borrow();
                    history.was_served(&self.id, identity, asked_at, "an offset");
                    return Ok(());
                }
                code if is_passing(code) => self.pause().await,
                _ => return Err(Begins),
            }
        }
    }

    async fn add_offsets(&mut self) -> Result<(), Begins> {
        let identity = self.identity();
        let request = AddOffsetsToTxnRequest {
            transactional_id: text(&self.id),
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            group_id: text(GROUP),
        };
        loop {
            match self.client.call(&request, 3).await?.error_code {
                ErrorCode::None => return Ok(()),
                code if is_passing(code) => self.pause().await,
                _ => return Err(Begins),
            }
        }
    }

    /// Ends the transaction, if one is open. In the old flow, a request that was given up may end
    /// the next transaction (KIP-890 says so): that producer begins anew.
    pub async fn end(&mut self, commits: bool) -> Result<(), Begins> {
        let Some(number) = self.transaction.take() else {
            return Ok(());
        };
        self.added.clear();
        let identity = self.identity();
        let request = EndTxnRequest {
            transactional_id: text(&self.id),
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            committed: commits,
        };
        let know = |outcome| {
            if commits {
                let mut history = self.scene.history.borrow_mut();
                history.transaction(number).outcome = outcome;
            }
        };
        know(Outcome::Unknown);
        let version = self.flow.end_version();
        // Whether an earlier try may have done it.
        let mut is_uncertain = false;
        loop {
            let asked_at = self.scene.now();
            let ended = match self.client.call(&request, version).await {
                Ok(ended) => ended,
                Err(Lost) if self.flow == Flow::Old => return Err(Begins),
                Err(Lost) => {
                    is_uncertain = true;
                    continue;
                }
            };
            match ended.error_code {
                ErrorCode::None => {
                    know(Outcome::Committed);
                    if !is_uncertain {
                        let history = self.scene.history.borrow();
                        history.was_served(&self.id, identity, asked_at, "an end");
                    }
                    self.go_on(ended.producer_id, ended.producer_epoch);
                    return Ok(());
                }
                ErrorCode::ConcurrentTransactions => self.scene.world.pause(PAUSE_MS_MAX).await,
                code if is_passing(code) => {
                    is_uncertain = true;
                    self.scene.world.pause(PAUSE_MS_MAX).await;
                }
                _ => {
                    if !is_uncertain {
                        know(Outcome::Never);
                    }
                    return Err(Begins);
                }
            }
        }
    }

    /// Who the producer is in its next transaction.
    fn go_on(&mut self, producer_id: i64, epoch: i16) {
        if self.flow == Flow::EpochEach {
            self.identity = Some(Identity { producer_id, epoch });
            self.sequences.clear();
        }
    }
}
