//! The coordinators of a shard, one for each partition of `__transaction_state` it owns.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use naru_runtime::Handle;
use naru_runtime::sync::{Semaphore, Sender};

use super::markers::{Deliver, MARKERS_UNDER_WAY_MAX};
use crate::partition::Partition;
use crate::transaction::{Coordinator, Now, ProducerIdAndEpoch, TransactionError};

/// Where an answer goes. Whoever asked may have gone away.
pub type TransactionReply = Sender<Result<ProducerIdAndEpoch, TransactionError>>;

/// A coordinator and the partition that it writes to.
pub struct TransactionSlot {
    pub transactions: RefCell<Coordinator<TransactionReply>>,
    pub partition: Rc<Partition>,
}

/// A partition of `__transaction_state` of this shard.
enum Seat {
    /// Its log is being read: whoever asks comes again.
    Loading(Rc<Partition>),
    Taken(Rc<TransactionSlot>),
}

pub struct TransactionCoordinators {
    pub(super) io: Handle,
    /// Where the monotonic clock of [`Now`] begins.
    began: Instant,
    seats: RefCell<BTreeMap<i32, Seat>>,
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
            seats: RefCell::default(),
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
        let seat = Seat::Loading(partition);
        self.seats.borrow_mut().insert(index, seat);
    }

    /// The ids of a partition are known, unless it was deleted while its log was read: another one
    /// may be in its place.
    pub fn end_loading(self: &Rc<Self>, index: i32, slot: TransactionSlot) {
        if self.is_loading(index, &slot.partition) {
            self.insert(index, slot);
        }
    }

    /// The log of a partition cannot be read.
    pub fn fail_loading(&self, index: i32, partition: &Rc<Partition>) {
        if self.is_loading(index, partition) {
            self.remove(index);
        }
    }

    fn is_loading(&self, index: i32, of: &Rc<Partition>) -> bool {
        let seats = self.seats.borrow();
        matches!(seats.get(&index), Some(Seat::Loading(partition)) if Rc::ptr_eq(partition, of))
    }

    pub fn is_any_loading(&self) -> bool {
        let seats = self.seats.borrow();
        seats.values().any(|seat| matches!(seat, Seat::Loading(_)))
    }

    /// Seats a coordinator, which goes on with what its log says was decided.
    pub fn insert(self: &Rc<Self>, index: i32, slot: TransactionSlot) {
        let slot = Rc::new(slot);
        let seat = Seat::Taken(Rc::clone(&slot));
        self.seats.borrow_mut().insert(index, seat);
        let effects = slot.transactions.borrow_mut().loaded(self.now());
        self.carry_out(&slot, effects);
    }

    pub fn remove(&self, index: i32) {
        self.seats.borrow_mut().remove(&index);
    }

    pub fn contains(&self, index: i32) -> bool {
        self.seats.borrow().contains_key(&index)
    }

    pub fn get(&self, index: i32) -> Result<Rc<TransactionSlot>, TransactionError> {
        match self.seats.borrow().get(&index) {
            None => Err(TransactionError::NotCoordinator),
            Some(Seat::Loading(_)) => Err(TransactionError::CoordinatorLoadInProgress),
            Some(Seat::Taken(slot)) => Ok(Rc::clone(slot)),
        }
    }

    /// Those whose ids are known.
    pub fn all(&self) -> Vec<Rc<TransactionSlot>> {
        let seats = self.seats.borrow();
        let taken = seats.values().filter_map(|seat| match seat {
            Seat::Loading(_) => None,
            Seat::Taken(slot) => Some(Rc::clone(slot)),
        });
        taken.collect()
    }
}
