//! The coordinators of a shard, one for each partition of `__consumer_offsets` it owns.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Instant;

use naru_runtime::Handle;
use naru_runtime::sync::Notify;

use super::Reply;
use crate::group::{Coordinator, GroupError, NoTopics, Now, Topics, TransactionOutcome};
use crate::partition::{Partition, TransactionResult};

/// A coordinator and the partition that it writes to.
pub struct Slot {
    pub groups: RefCell<Coordinator<Reply>>,
    pub partition: Rc<Partition>,
}

/// A partition of `__consumer_offsets` of this shard.
enum Seat {
    /// Its log is being read: whoever asks comes again.
    Loading(Rc<Partition>),
    Taken(Rc<Slot>),
}

impl Slot {
    /// The transaction of a producer has ended by a marker in this partition, which is flushed.
    pub fn transaction_completed(
        &self,
        producer_id: i64,
        result: TransactionResult,
        marker_offset: i64,
    ) {
        let mut groups = self.groups.borrow_mut();
        groups.transaction_completed(producer_id, outcome(result), marker_offset);
    }
}

/// What a marker's result is to the groups.
pub(super) fn outcome(result: TransactionResult) -> TransactionOutcome {
    match result {
        TransactionResult::Commit => TransactionOutcome::Committed,
        TransactionResult::Abort => TransactionOutcome::Aborted,
    }
}

pub struct Coordinators {
    pub(super) io: Handle,
    /// Where the monotonic clock of [`Now`] begins.
    began: Instant,
    seats: RefCell<BTreeMap<i32, Seat>>,
    /// The cluster's topics, as all of them know them.
    topics: RefCell<Rc<dyn Topics>>,
    /// What the timekeeper waits for, in ms of the monotonic clock.
    pub(super) awaited_ms: Cell<i64>,
    /// Something is due earlier than that.
    pub(super) changed: Notify,
}

impl Coordinators {
    pub fn new(io: Handle) -> Self {
        Self {
            began: io.now(),
            io,
            seats: RefCell::default(),
            topics: RefCell::new(Rc::new(NoTopics)),
            awaited_ms: Cell::new(i64::MAX),
            changed: Notify::new(),
        }
    }

    /// The time of an event that happens now.
    pub fn now(&self) -> Now {
        let steady = self.io.now().saturating_duration_since(self.began);
        Now {
            steady_ms: i64::try_from(steady.as_millis()).unwrap_or(i64::MAX),
            wall_ms: self.io.wall_ms(),
        }
    }

    /// The groups of a partition are not known yet.
    pub fn begin_loading(&self, index: i32, partition: Rc<Partition>) {
        self.seats
            .borrow_mut()
            .insert(index, Seat::Loading(partition));
    }

    /// The groups of a partition are known. `None` if it was deleted while its log was read:
    /// another one may be in its place.
    pub fn end_loading(&self, index: i32, slot: Slot) -> Option<Rc<Slot>> {
        if !self.is_loading(index, &slot.partition) {
            return None;
        }
        self.insert(index, slot);
        self.get(index).ok()
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

    pub(super) fn topics(&self) -> Rc<dyn Topics> {
        Rc::clone(&self.topics.borrow())
    }

    /// Tells the coordinators, also those that come, of the cluster's topics; whether there are new
    /// ones among them.
    pub fn take_topics(&self, topics: &Rc<dyn Topics>, has_new: bool) {
        self.topics.replace(Rc::clone(topics));
        for slot in self.all() {
            let mut groups = slot.groups.borrow_mut();
            groups.take_topics(Rc::clone(topics), has_new);
        }
    }

    pub fn insert(&self, index: i32, slot: Slot) {
        slot.groups.borrow_mut().take_topics(self.topics(), true);
        let seat = Seat::Taken(Rc::new(slot));
        self.seats.borrow_mut().insert(index, seat);
        self.changed.notify_all();
    }

    pub fn remove(&self, index: i32) {
        self.seats.borrow_mut().remove(&index);
    }

    pub fn contains(&self, index: i32) -> bool {
        self.seats.borrow().contains_key(&index)
    }

    pub fn get(&self, index: i32) -> Result<Rc<Slot>, GroupError> {
        match self.seats.borrow().get(&index) {
            None => Err(GroupError::NotCoordinator),
            Some(Seat::Loading(_)) => Err(GroupError::CoordinatorLoadInProgress),
            Some(Seat::Taken(slot)) => Ok(Rc::clone(slot)),
        }
    }

    /// Those whose groups are known.
    pub fn all(&self) -> Vec<Rc<Slot>> {
        let seats = self.seats.borrow();
        let taken = seats.values().filter_map(|seat| match seat {
            Seat::Loading(_) => None,
            Seat::Taken(slot) => Some(Rc::clone(slot)),
        });
        taken.collect()
    }

    /// When the next of them has something to do, in ms of the monotonic clock.
    pub fn next_deadline_ms(&self) -> Option<i64> {
        let slots = self.all();
        let deadlines = slots
            .iter()
            .filter_map(|slot| slot.groups.borrow().next_deadline_ms());
        deadlines.min()
    }
}
