//! The seats of a shard's coordinators: one for each partition of an internal topic that it owns.
//!
//! A seat is kept while the partition's log is read back, so that whoever asks is told to come
//! again. A partition may be deleted meanwhile, and another one of its number be made: what was
//! read of the old one never takes the seat of the new one.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::group::GroupError;
use crate::partition::Partition;
use crate::transaction::TransactionError;

/// A coordinator, `C`, with the partition that it writes to.
pub trait Seated {
    fn partition(&self) -> &Rc<Partition>;
}

enum Seat<C> {
    /// Its log is being read: whoever asks comes again.
    Loading(Rc<Partition>),
    Taken(Rc<C>),
}

/// By the number of the partition.
pub struct Seats<C>(RefCell<BTreeMap<i32, Seat<C>>>);

/// Why a seat has no coordinator that can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vacancy {
    /// The partition is not of this shard, or has no coordinator.
    Absent,
    Loading,
}

impl<C: Seated> Seats<C> {
    pub fn begin_loading(&self, index: i32, partition: Rc<Partition>) {
        let seat = Seat::Loading(partition);
        self.0.borrow_mut().insert(index, seat);
    }

    /// The log of a partition cannot be read.
    pub fn fail_loading(&self, index: i32, partition: &Rc<Partition>) {
        if self.is_loading(index, partition) {
            self.remove(index);
        }
    }

    /// Whether the log of just this partition is being read.
    pub fn is_loading(&self, index: i32, of: &Rc<Partition>) -> bool {
        let seats = self.0.borrow();
        matches!(seats.get(&index), Some(Seat::Loading(partition)) if Rc::ptr_eq(partition, of))
    }

    /// How many partitions are read back still.
    pub fn loading(&self) -> usize {
        let seats = self.0.borrow();
        let loading = |seat: &&Seat<C>| matches!(seat, Seat::Loading(_));
        seats.values().filter(loading).count()
    }

    pub fn take(&self, index: i32, coordinator: &Rc<C>) {
        assert!(
            coordinator.partition().id.index == index,
            "the coordinator of partition {} takes the seat of {index}",
            coordinator.partition().id.index
        );
        let seat = Seat::Taken(Rc::clone(coordinator));
        self.0.borrow_mut().insert(index, seat);
    }

    pub fn remove(&self, index: i32) {
        self.0.borrow_mut().remove(&index);
    }

    pub fn contains(&self, index: i32) -> bool {
        self.0.borrow().contains_key(&index)
    }

    pub fn get(&self, index: i32) -> Result<Rc<C>, Vacancy> {
        match self.0.borrow().get(&index) {
            None => Err(Vacancy::Absent),
            Some(Seat::Loading(_)) => Err(Vacancy::Loading),
            Some(Seat::Taken(coordinator)) => Ok(Rc::clone(coordinator)),
        }
    }

    /// Those whose logs were read.
    pub fn all(&self) -> Vec<Rc<C>> {
        let seats = self.0.borrow();
        let taken = seats.values().filter_map(|seat| match seat {
            Seat::Loading(_) => None,
            Seat::Taken(coordinator) => Some(Rc::clone(coordinator)),
        });
        taken.collect()
    }
}

impl<C> Default for Seats<C> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl From<Vacancy> for GroupError {
    fn from(vacancy: Vacancy) -> Self {
        match vacancy {
            Vacancy::Absent => Self::NotCoordinator,
            Vacancy::Loading => Self::CoordinatorLoadInProgress,
        }
    }
}

impl From<Vacancy> for TransactionError {
    fn from(vacancy: Vacancy) -> Self {
        match vacancy {
            Vacancy::Absent => Self::NotCoordinator,
            Vacancy::Loading => Self::CoordinatorLoadInProgress,
        }
    }
}
