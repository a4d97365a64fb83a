//! The verdict on bytes from outside: exactly one batch that every consumer can read, or the reason
//! why not.
//!
//! The verdicts are Kafka's (`ProduceRequest` and `LogValidator`), in Kafka's order: framing,
//! size, checksum, header, records. Two are stricter, because batches are stored as they came and
//! never written anew: offset deltas must count up from 0, and the attribute of the broker's time
//! is the broker's to set.
//!
//! Not decided here, for it takes more than the bytes: duplicates and sequence gaps, whether a
//! transactional batch belongs to a transaction, whether the partition exists.

mod batch;
mod checked;
mod framing;
mod refused;
mod rejection;
mod rules;
mod walk;

pub use batch::{Accepted, Step, Validation, validate};
pub use checked::CheckedBatch;
pub use refused::{RefusalReason, RefusedRecord, RefusedRecords};
pub use rejection::{Rejection, RejectionKind};
pub use rules::{Depth, Rules};

#[cfg(test)]
mod tests;
