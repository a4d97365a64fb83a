//! Transactions in a partition on a simulated disk, beside a model that has the whole log: what
//! consumers of committed records may read, and which transactions they are told were aborted.

mod crashes;
mod full_disk;
mod model;
mod property;
mod stories;
mod world;
