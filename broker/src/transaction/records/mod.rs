//! The records of `__transaction_state`, in Kafka's formats: TransactionLogKey v0 and
//! TransactionLogValue v0 and v1. Other brokers' tools read them.

mod record;
#[cfg(test)]
mod tests;
mod value;

pub use record::TransactionRecord;
pub(super) use record::{decode_key, tombstone, value_record};
pub(super) use value::decode as decode_value;
