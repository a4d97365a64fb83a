//! The coordinators of transactional ids of a shard: the pure logic of `transaction`, driven by
//! requests, by time and by the partitions of `__transaction_state` that the shard owns.

mod drive;
mod load;
mod markers;
mod slots;

pub use markers::{Delivery, MarkerToWrite};
pub use slots::{TransactionCoordinators, TransactionReply, TransactionSlot};

/// Where transactional ids keep their state.
pub const TRANSACTIONS_TOPIC: &str = "__transaction_state";
