//! The way from a producer to one node: its connection, what waits to be sent, and how many
//! requests are in flight.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::rc::Rc;

use naru_runtime::sync::{Notify, Semaphore};
use naru_wire::Str;
use naru_wire::api::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

use super::control::Slot;
use super::pending::Ready;
use crate::kafka::{Connection, KafkaError};

/// Topics are named, not numbered, up to this version.
const PRODUCE_VERSION_MAX: i16 = 12;

pub(super) struct Lane {
    pub connection: Connection,
    pub version: i16,
    /// The partitions that the node leads.
    pub slots: Vec<Slot>,
    /// One for each request that may be in flight.
    pub permits: Rc<Semaphore>,
    ready: RefCell<VecDeque<Ready>>,
    ready_bytes: Cell<usize>,
    pub changed: Notify,
    /// Nothing more becomes ready.
    is_closed: Cell<bool>,
}

impl Lane {
    pub(super) fn new(
        connection: Connection,
        slots: Vec<Slot>,
        in_flight_max: usize,
    ) -> Result<Rc<Self>, KafkaError> {
        Ok(Rc::new(Self {
            version: connection.version::<ProduceRequest>(PRODUCE_VERSION_MAX)?,
            connection,
            slots,
            permits: Semaphore::new(in_flight_max),
            ready: RefCell::default(),
            ready_bytes: Cell::new(0),
            changed: Notify::new(),
            is_closed: Cell::new(false),
        }))
    }

    pub(super) fn put(&self, ready: Ready) {
        self.ready_bytes
            .set(self.ready_bytes.get() + ready.batch.len());
        self.ready.borrow_mut().push_back(ready);
        self.changed.notify_all();
    }

    /// Bytes that wait for a request.
    pub(super) fn ready_bytes(&self) -> usize {
        self.ready_bytes.get()
    }

    pub(super) fn close(&self) {
        self.is_closed.set(true);
        self.changed.notify_all();
    }

    /// What the next request takes: at most one batch of a partition, at most `bytes_max` unless
    /// the first is larger; nothing when the lane is closed and empty.
    pub(super) async fn next_batches(&self, bytes_max: usize) -> Vec<Ready> {
        loop {
            let changed = self.changed.wait();
            let batches = self.take(bytes_max);
            if !batches.is_empty() || self.is_closed.get() {
                return batches;
            }
            changed.await;
        }
    }

    fn take(&self, bytes_max: usize) -> Vec<Ready> {
        let mut ready = self.ready.borrow_mut();
        let (mut batches, mut slots, mut bytes) = (Vec::new(), HashSet::new(), 0);
        while let Some(next) = ready.front() {
            let is_full = !batches.is_empty() && bytes + next.batch.len() > bytes_max;
            if is_full || !slots.insert(next.slot) {
                break;
            }
            bytes += next.batch.len();
            batches.extend(ready.pop_front());
        }
        self.ready_bytes.set(self.ready_bytes.get() - bytes);
        batches
    }
}

/// The request that carries `batches`; `place` names a slot's topic and partition.
pub(super) fn request(
    batches: &[Ready],
    acks: i16,
    place: impl Fn(Slot) -> (Str, i32),
) -> ProduceRequest {
    let mut topics: BTreeMap<Str, Vec<PartitionProduceData>> = BTreeMap::new();
    for ready in batches {
        let (topic, index) = place(ready.slot);
        topics.entry(topic).or_default().push(PartitionProduceData {
            index,
            records: Some(ready.batch.clone()),
        });
    }
    let topic_data = topics
        .into_iter()
        .map(|(name, partition_data)| TopicProduceData {
            name,
            partition_data,
            ..Default::default()
        });
    ProduceRequest {
        acks,
        timeout_ms: 30_000,
        topic_data: topic_data.collect(),
        ..Default::default()
    }
}
