//! The coordinators of a shard, one for each partition of `__consumer_offsets` it owns.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use naru_runtime::Handle;
use naru_runtime::sync::Notify;

use super::Reply;
use super::seats::{Seated, Seats};
use crate::group::{
    Coordinator, GroupConfig, GroupError, NoTopics, Now, Topics, TransactionOutcome,
};
use crate::partition::{Partition, TransactionResult};

/// A coordinator and the partition that it writes to.
pub struct Slot {
    pub groups: RefCell<Coordinator<Reply>>,
    pub partition: Rc<Partition>,
}

impl Seated for Slot {
    fn partition(&self) -> &Rc<Partition> {
        &self.partition
    }
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
    seats: Seats<Slot>,
    /// What groups are told, as all of them know it.
    config: RefCell<GroupConfig>,
    /// The cluster's topics, as all of them know them.
    topics: RefCell<Rc<dyn Topics>>,
    /// What the timekeeper waits for, in ms of the monotonic clock.
    pub(super) awaited_ms: Cell<i64>,
    /// Something is due earlier than that.
    pub(super) changed: Notify,
}

impl Coordinators {
    pub fn new(io: Handle, config: GroupConfig) -> Self {
        Self {
            config: RefCell::new(config),
            began: io.now(),
            io,
            seats: Seats::default(),
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
        self.seats.begin_loading(index, partition);
    }

    /// The groups of a partition are known. `None` if it was deleted while its log was read:
    /// another one may be in its place.
    pub fn end_loading(&self, index: i32, slot: Slot) -> Option<Rc<Slot>> {
        if !self.seats.is_loading(index, &slot.partition) {
            return None;
        }
        self.insert(index, slot);
        self.get(index).ok()
    }

    /// How many partitions of `__consumer_offsets` are read back still.
    pub fn loading(&self) -> usize {
        self.seats.loading()
    }

    /// The log of a partition cannot be read.
    pub fn fail_loading(&self, index: i32, partition: &Rc<Partition>) {
        self.seats.fail_loading(index, partition);
    }

    /// What groups are told.
    pub fn config(&self) -> GroupConfig {
        self.config.borrow().clone()
    }

    /// Tells the coordinators, also those that come, what is so from here on.
    pub fn take_config(&self, config: GroupConfig) {
        for slot in self.all() {
            slot.groups.borrow_mut().take_config(config.clone());
        }
        self.config.replace(config);
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
        {
            // There may be others than when its log began to be read.
            let mut groups = slot.groups.borrow_mut();
            groups.take_topics(self.topics(), true);
            groups.take_config(self.config());
        }
        self.seats.take(index, &Rc::new(slot));
        self.changed.notify_all();
    }

    pub fn remove(&self, index: i32) {
        self.seats.remove(index);
    }

    pub fn contains(&self, index: i32) -> bool {
        self.seats.contains(index)
    }

    pub fn get(&self, index: i32) -> Result<Rc<Slot>, GroupError> {
        Ok(self.seats.get(index)?)
    }

    /// Those whose groups are known.
    pub fn all(&self) -> Vec<Rc<Slot>> {
        self.seats.all()
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
