//! Transactions: what clients, tools and other parts of the broker ask of the coordinators of
//! transactional ids.

mod add_offsets;
mod add_partitions;
mod describe;
mod end;
mod init_producer_id;
mod list;
mod route;
mod verify;

pub use add_offsets::handle as add_offsets;
pub use add_partitions::handle as add_partitions;
pub use describe::handle as describe;
pub use end::handle as end;
pub use init_producer_id::init_transactional_producer;
pub use list::handle as list;
pub use verify::{ADD_WAIT_MAX, ADDITIONS_ASKED_MAX, settled, verify};
