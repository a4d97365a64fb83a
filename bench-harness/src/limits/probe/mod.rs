//! The probes: each does one thing as cheaply as it can be done, for a given time, and says how
//! fast that went.

mod checksum;
mod disk;
mod loopback;
mod memory;
mod meter;
mod stream;
mod turn;

pub(super) use checksum::checksum;
pub(super) use disk::Disk;
pub(super) use memory::memory_copy;
pub(super) use stream::stream;
pub(super) use turn::turn;
