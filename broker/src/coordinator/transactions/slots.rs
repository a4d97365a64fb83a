//! The coordinators of a shard, one for each partition of `__transaction_state` it owns.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use naru_runtime::Handle;
use naru_runtime::sync::{Semaphore, Sender};

use super::markers::{Deliver, MARKERS_UNDER_WAY_MAX};
use crate::coordinator::seats::{Seated, Seats};
use crate::partition::Partition;
use crate::transaction::{Coordinator, Now, ProducerIdAndEpoch, TransactionError};

/// Where an answer goes. Whoever asked may have gone away.
pub type TransactionReply = Sender<Result<ProducerIdAndEpoch, TransactionError>>;

/// A coordinator and the partition that it writes to.
pub struct TransactionSlot {
    pub transactions: RefCell<Coordinator<TransactionReply>>,
    pub partition: Rc<Partition>,
}

impl Seated for TransactionSlot {
    fn partition(&self) -> &Rc<Partition> {
        &self.partition
    }
}

pub struct TransactionCoordinators {
    pub(super) io: Handle,
    /// Where the monotonic clock of [`Now`] begins.
    began: Instant,
    seats: Seats<TransactionSlot>,
    /// How a marker reaches its partition.
    pub(super) deliver: OnceCell<Deliver>,
    /// Room for markers on their way.
    pub(super) under_way: Rc<Semaphore>,
}

impl TransactionCoordinators {
    pub fn new(io: Handle) -> Self {
        Self {
            began: io.now(),
            io,
            seats: Seats::default(),
            deliver: OnceCell::new(),
            under_way: Semaphore::new(MARKERS_UNDER_WAY_MAX),
        }
    }

    /// Has markers go this way. Called once, before there is a coordinator.
    pub fn deliver_by(&self, deliver: Deliver) {
        let earlier = self.deliver.set(deliver);
        assert!(earlier.is_ok(), "markers have a way already");
    }

    /// The time of an event that happens now.
    pub fn now(&self) -> Now {
        let steady = self.io.now().saturating_duration_since(self.began);
        Now {
            steady_ms: i64::try_from(steady.as_millis()).unwrap_or(i64::MAX),
            wall_ms: self.io.wall_ms(),
        }
    }

    /// The ids of a partition are not known yet.
    pub fn begin_loading(&self, index: i32, partition: Rc<Partition>) {
        self.seats.begin_loading(index, partition);
    }

    /// The ids of a partition are known, unless it was deleted while its log was read: another one
    /// may be in its place.
    pub fn end_loading(self: &Rc<Self>, index: i32, slot: TransactionSlot) {
        if self.seats.is_loading(index, &slot.partition) {
            self.insert(index, slot);
        }
    }

    /// The log of a partition cannot be read.
    pub fn fail_loading(&self, index: i32, partition: &Rc<Partition>) {
        self.seats.fail_loading(index, partition);
    }

    /// How many partitions of `__transaction_state` are read back still.
    pub fn loading(&self) -> usize {
        self.seats.loading()
    }

    /// Seats a coordinator, which goes on with what its log says was decided.
    pub fn insert(self: &Rc<Self>, index: i32, slot: TransactionSlot) {
        let slot = Rc::new(slot);
        self.seats.take(index, &slot);
        let effects = slot.transactions.borrow_mut().loaded(self.now());
        self.carry_out(&slot, effects);
    }

    pub fn remove(&self, index: i32) {
        self.seats.remove(index);
    }

    pub fn contains(&self, index: i32) -> bool {
        self.seats.contains(index)
    }

    pub fn get(&self, index: i32) -> Result<Rc<TransactionSlot>, TransactionError> {
        Ok(self.seats.get(index)?)
    }

    /// Those whose ids are known.
    pub fn all(&self) -> Vec<Rc<TransactionSlot>> {
        self.seats.all()
    }
}
