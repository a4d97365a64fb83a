//! Transactions: what clients and other parts of the broker ask of the coordinators of
//! transactional ids.

mod add_partitions;
mod verify;

pub use add_partitions::handle as add_partitions;
pub use verify::verify;
