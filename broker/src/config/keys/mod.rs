//! The keys that Naru acts on, one table per room, and the names of all of Kafka's.
//!
//! A room's table ([`tables`]) is both the struct that the room reads and the rows that the loader
//! checks, so that a key is written down once: name, type, default, what is allowed, and a
//! sentence for people. The defaults of Kafka's keys are Kafka 4.4's, except three where that
//! default makes no sense here: `log.dir` (not under `/tmp`), `node.id` (Kafka has none) and the
//! addresses, which Naru fills in.

mod fixed;
mod kafka;
mod known;
mod row;
mod tables;
mod value;

pub(super) use kafka::{is_kafka_broker_key, nearest, nearest_of};
pub(super) use known::{counts_threads, is_dynamic};
pub use row::{Default, Key, Valid};
pub use tables::{Cleaner, Groups, Limits, Log, Naru, Network, Node, Topics, Transactions};
pub use value::{Bytes, CleanupPolicy, Kind, Limit, RecordValidation, TimestampType, Value};

/// Every broker key that Naru acts on, room by room.
pub fn all() -> impl Iterator<Item = &'static Key> {
    tables::TABLES.iter().flat_map(|table| table.iter())
}

/// The same, and before them those that it only keeps and shows, or only shows.
pub(super) fn kept() -> impl Iterator<Item = &'static Key> {
    known::KNOWN.iter().chain(&fixed::FIXED).chain(all())
}

/// Whether the key only says what is so in any case.
pub(super) fn is_fixed(name: &str) -> bool {
    fixed::FIXED.iter().any(|key| key.name == name)
}

/// Whether Naru acts on the key.
pub(super) fn is_acted_on(name: &str) -> bool {
    all().any(|key| key.name == name)
}

/// The row of a broker key that is kept.
pub fn find(name: &str) -> Option<&'static Key> {
    let known = || {
        let mut shown = known::KNOWN.iter().chain(&fixed::FIXED);
        shown.find(|key| key.name == name)
    };
    all().find(|key| key.name == name).or_else(known)
}
