//! Transactions, in both flows, and the look at them at the end of a run: what was answered as
//! committed is wholly there, what was not committed is nowhere, none is torn, and nothing is
//! left open.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use naru_record_batch::{
    BatchBuilder, BatchHeader, EndTransactionMarker, HEADER_BYTES, Records, TransactionResult,
};
use naru_wire::ErrorCode;
use naru_wire::api::add_partitions_to_txn::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic};
use naru_wire::api::end_txn::EndTxnRequest;
use naru_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, PartitionData};
use naru_wire::api::find_coordinator::FindCoordinatorRequest;
use naru_wire::api::init_producer_id::InitProducerIdRequest;
use naru_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use super::client::{Client, Lost, text};
use super::ledger::Mark;
use super::world::World;

/// Where transactions write: into both partitions, so that one can be torn.
pub const PAYMENTS: &str = "payments";
pub const PARTITIONS: i32 = 2;

const RECORDS_MAX: u64 = 3;
const PAUSE_MS_MAX: u64 = 60;
const TIMEOUT_MS: i32 = 5_000;
const TRANSACTION_TIMEOUT_MS: i32 = 20_000;
const BYTES_MAX: i32 = 64 << 10;
/// Looks at a partition in which something is still open, or that does not answer.
const VAIN_TRIES_MAX: u32 = 600;

/// How a client ends its transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Partitions are added by a request of their own, and all transactions have one epoch.
    Old,
    /// KIP-890.
    EpochEach,
}

impl Flow {
    pub fn produce_version(self) -> i16 {
        match self {
            Self::Old => 11,
            Self::EpochEach => 12,
        }
    }

    pub fn end_version(self) -> i16 {
        match self {
            Self::Old => 4,
            Self::EpochEach => 5,
        }
    }
}

/// What a client knows of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// It was answered.
    Committed,
    /// Nobody asked for its commit, or it was aborted.
    Never,
    /// A commit was asked for, and its answer never came.
    Unknown,
}

/// What all clients know: how many records a transaction has in each partition, and its outcome.
#[derive(Default)]
pub struct Transactions {
    all: BTreeMap<(u64, u64), (u64, Outcome)>,
}

struct Producer {
    world: Rc<World>,
    client: Client,
    number: u64,
    flow: Flow,
    producer_id: i64,
    epoch: i16,
    /// The next sequence in each partition.
    sequences: [i32; PARTITIONS as usize],
}

/// Something that this producer cannot go on from: it begins again with the next epoch.
struct Begins;

impl From<Lost> for Begins {
    fn from(_: Lost) -> Self {
        Self
    }
}

/// A client that has transactions until the run is over; each of them in both partitions.
pub async fn transactional(world: Rc<World>, number: u64, flow: Flow) {
    let mut producer = Producer {
        client: Client::new(&world.io),
        world: Rc::clone(&world),
        number,
        flow,
        producer_id: -1,
        epoch: -1,
        sequences: [0; PARTITIONS as usize],
    };
    producer.begin_anew().await;
    for transaction in 0.. {
        let outcome = producer.transact(transaction).await;
        let (count, outcome) = match outcome {
            Ok((count, outcome)) => (count, outcome),
            Err((count, outcome)) => {
                producer.begin_anew().await;
                (count, outcome)
            }
        };
        let known = ((number, transaction), (count, outcome));
        world.transactions.borrow_mut().all.extend([known]);
        if world.is_over() {
            break;
        }
        world.pause(PAUSE_MS_MAX).await;
    }
    // Nothing of it is open now.
    producer.begin_anew().await;
}

impl Producer {
    fn id(&self) -> String {
        format!("tx-{}", self.number)
    }

    /// Takes the id, however often that has to be tried; what was open is aborted.
    async fn begin_anew(&mut self) {
        let find = FindCoordinatorRequest {
            key: text(&self.id()),
            key_type: 1,
            ..Default::default()
        };
        let init = InitProducerIdRequest {
            transactional_id: Some(text(&self.id())),
            transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
            ..Default::default()
        };
        loop {
            let Ok(found) = self.client.call(&find, 3).await else {
                continue;
            };
            if !found.error_code.is_none() {
                self.client.hang_up().await;
                continue;
            }
            match self.client.call(&init, 5).await {
                Ok(begun) if begun.error_code.is_none() => {
                    self.producer_id = begun.producer_id;
                    self.epoch = begun.producer_epoch;
                    self.sequences = [0; PARTITIONS as usize];
                    return;
                }
                Ok(_) => self.world.pause(PAUSE_MS_MAX).await,
                Err(Lost) => {}
            }
        }
    }

    /// One transaction; an error if the producer has to begin again.
    async fn transact(&mut self, transaction: u64) -> Result<(u64, Outcome), (u64, Outcome)> {
        let count = 1 + self.world.below(RECORDS_MAX);
        let written = self.write(transaction, count).await;
        if written.is_err() {
            // No commit was asked for, so there can be none.
            return Err((count, Outcome::Never));
        }
        let commits = self.world.below(4) > 0;
        if self.world.below(8) == 0 {
            // It walks away.
            return Err((count, Outcome::Never));
        }
        match self.end(commits).await {
            Ok(()) if commits => Ok((count, Outcome::Committed)),
            Ok(()) => Ok((count, Outcome::Never)),
            Err(Begins) if commits => Err((count, Outcome::Unknown)),
            Err(Begins) => Err((count, Outcome::Never)),
        }
    }

    async fn write(&mut self, transaction: u64, count: u64) -> Result<(), Begins> {
        if self.flow == Flow::Old {
            self.add_partitions().await?;
        }
        for partition in 0..PARTITIONS {
            self.produce(transaction, count, partition).await?;
        }
        Ok(())
    }

    async fn add_partitions(&mut self) -> Result<(), Begins> {
        let request = AddPartitionsToTxnRequest {
            transactional_id: text(&self.id()),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            topics: vec![AddPartitionsToTxnTopic {
                name: text(PAYMENTS),
                partitions: (0..PARTITIONS).collect(),
            }],
            ..Default::default()
        };
        loop {
            let response = self.client.call(&request, 3).await?;
            let topic = &response.results_by_topic[0];
            match topic.results_by_partition[0].partition_error_code {
                ErrorCode::None => return Ok(()),
                ErrorCode::ConcurrentTransactions => self.world.pause(PAUSE_MS_MAX).await,
                _ => return Err(Begins),
            }
        }
    }

    async fn produce(
        &mut self,
        transaction: u64,
        count: u64,
        partition: i32,
    ) -> Result<(), Begins> {
        let sequence = self.sequences[partition as usize];
        let builder = BatchBuilder::default().producer(self.producer_id, self.epoch, sequence);
        let mut builder = builder.transactional();
        let mark = Mark {
            producer: self.number,
            sequence: transaction,
        };
        for _ in 0..count {
            let value = mark.to_value();
            builder.push_pair(self.world.io.wall_ms(), None, Some(value.as_bytes()));
        }
        let request = ProduceRequest {
            transactional_id: Some(text(&self.id())),
            acks: -1,
            timeout_ms: TIMEOUT_MS,
            topic_data: vec![TopicProduceData {
                name: text(PAYMENTS),
                partition_data: vec![PartitionProduceData {
                    index: partition,
                    records: Some(Bytes::from(builder.build().unwrap())),
                }],
                ..Default::default()
            }],
        };
        loop {
            let version = self.flow.produce_version();
            let response = self.client.call(&request, version).await?;
            match response.responses[0].partition_responses[0].error_code {
                ErrorCode::None | ErrorCode::DuplicateSequenceNumber => break,
                ErrorCode::ConcurrentTransactions | ErrorCode::NotEnoughReplicas => {
                    self.world.pause(PAUSE_MS_MAX).await;
                }
                _ => return Err(Begins),
            }
        }
        self.sequences[partition as usize] += count as i32;
        Ok(())
    }

    /// Asks for the end until it is answered. In the old flow, a request that was given up may
    /// end the next transaction (KIP-890 says so): that producer begins again.
    async fn end(&mut self, commits: bool) -> Result<(), Begins> {
        let request = EndTxnRequest {
            transactional_id: text(&self.id()),
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            committed: commits,
        };
        loop {
            let version = self.flow.end_version();
            match self.client.call(&request, version).await {
                Ok(ended) if ended.error_code.is_none() => {
                    if self.flow == Flow::EpochEach {
                        self.producer_id = ended.producer_id;
                        self.epoch = ended.producer_epoch;
                        self.sequences = [0; PARTITIONS as usize];
                    }
                    return Ok(());
                }
                Ok(ended) => match ended.error_code {
                    ErrorCode::ConcurrentTransactions
                    | ErrorCode::CoordinatorNotAvailable
                    | ErrorCode::CoordinatorLoadInProgress
                    | ErrorCode::NotCoordinator => self.world.pause(PAUSE_MS_MAX).await,
                    _ => return Err(Begins),
                },
                Err(Lost) if self.flow == Flow::Old => return Err(Begins),
                Err(Lost) => {}
            }
        }
    }
}

/// Compares what consumers of committed records see with what the clients know.
pub async fn check(world: &World) {
    let mut partitions = Vec::new();
    for partition in 0..PARTITIONS {
        partitions.push(committed(world, partition).await);
    }
    let ledger = world.transactions.borrow();
    for (&(producer, sequence), &(count, outcome)) in &ledger.all {
        let mark = Mark { producer, sequence };
        let seen: Vec<u64> = partitions
            .iter()
            .map(|marks| marks.iter().filter(|seen| **seen == mark).count() as u64)
            .collect();
        let whole = vec![count; PARTITIONS as usize];
        let nothing = vec![0; PARTITIONS as usize];
        let holds = match outcome {
            Outcome::Committed => seen == whole,
            Outcome::Never => seen == nothing,
            Outcome::Unknown => seen == whole || seen == nothing,
        };
        assert!(
            holds,
            "transaction {sequence} of tx-{producer} is {outcome:?} with {count} records in each \
             partition, and seen are {seen:?}"
        );
    }
    let known = |mark: &Mark| ledger.all.contains_key(&(mark.producer, mark.sequence));
    assert!(partitions.iter().flatten().all(known), "a record of nobody");
}

/// What a consumer of committed records sees of a partition, once nothing in it is open.
async fn committed(world: &World, partition: i32) -> Vec<Mark> {
    let mut client = Client::new(&world.io);
    let (mut offset, mut marks, mut vain_tries) = (0, Vec::new(), 0);
    loop {
        let before = offset;
        if let Ok(data) = fetch(&mut client, partition, offset).await {
            offset = take(&data, offset, &mut marks);
            let is_all = offset == data.high_watermark;
            if is_all && data.last_stable_offset == data.high_watermark {
                return marks;
            }
        }
        if offset == before {
            vain_tries += 1;
            assert!(
                vain_tries < VAIN_TRIES_MAX,
                "{PAYMENTS}-{partition} is stuck at {offset}: a transaction is open"
            );
            world.pause(PAUSE_MS_MAX).await;
        }
    }
}

async fn fetch(client: &mut Client, partition: i32, offset: i64) -> Result<PartitionData, Lost> {
    let request = FetchRequest {
        max_wait_ms: 100,
        min_bytes: 1,
        max_bytes: BYTES_MAX,
        isolation_level: 1,
        topics: vec![FetchTopic {
            topic: text(PAYMENTS),
            partitions: vec![FetchPartition {
                partition,
                fetch_offset: offset,
                partition_max_bytes: BYTES_MAX,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut response = client.call(&request, 12).await?;
    let data = response.responses.remove(0).partitions.remove(0);
    match data.error_code {
        ErrorCode::None => Ok(data),
        _ => Err(Lost),
    }
}

/// Takes the records of a fetch as Kafka's consumers do: those of aborted transactions are left
/// out, from where they begin up to their markers. Where to go on.
fn take(data: &PartitionData, offset: i64, marks: &mut Vec<Mark>) -> i64 {
    let mut begins = data.aborted_transactions.clone().unwrap_or_default();
    begins.sort_by_key(|aborted| aborted.first_offset);
    let mut begins = VecDeque::from(begins);
    let mut aborted = BTreeSet::new();
    let mut bytes = BytesMut::new();
    for piece in data.records.clone().unwrap_or_default().pieces() {
        bytes.extend_from_slice(piece);
    }
    let mut bytes = bytes.freeze();
    let mut next = offset;
    while let Ok(header) = BatchHeader::parse(&bytes) {
        if bytes.len() < header.size_bytes() {
            break;
        }
        let batch = bytes.split_to(header.size_bytes());
        while begins
            .front()
            .is_some_and(|one| one.first_offset <= header.last_offset())
        {
            aborted.extend(begins.pop_front().map(|one| one.producer_id));
        }
        next = header.next_offset();
        if header.attributes.is_control() {
            let marker = EndTransactionMarker::parse(&header, &batch);
            if marker.is_some_and(|marker| marker.result == TransactionResult::Abort) {
                aborted.remove(&header.producer_id);
            }
            continue;
        }
        if aborted.contains(&header.producer_id) {
            continue;
        }
        for record in Records::new(&batch[HEADER_BYTES..]) {
            let record = record.unwrap();
            if header.base_offset + i64::from(record.offset_delta) >= offset {
                marks.push(Mark::of_value(record.value.unwrap()));
            }
        }
    }
    next
}
