//! The records of `__transaction_state`, in Kafka's formats: TransactionLogKey v0 and
//! TransactionLogValue v0 and v1. Other brokers' tools read them.

mod codec;
#[cfg(test)]
mod tests;
mod value;

use bytes::{BufMut, Bytes, BytesMut};

use super::TransactionVersion;
use super::metadata::Metadata;
use codec::{Reader, put_string};

pub use codec::RecordError;
pub(super) use value::decode as decode_value;

const KEY_VERSION: i16 = 0;

/// A key and a value; no value is a tombstone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    pub key: Bytes,
    pub value: Option<Bytes>,
}

fn key(transactional_id: &str) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(KEY_VERSION);
    put_string(&mut out, transactional_id);
    out.freeze()
}

/// The id that a key names; `None` for a key of a version that is not known.
pub(super) fn decode_key(bytes: &[u8]) -> Result<Option<String>, RecordError> {
    let mut reader = Reader::new(bytes);
    match reader.i16()? {
        KEY_VERSION => reader.string().map(Some),
        _ => Ok(None),
    }
}

/// The record of an id in a cluster of `version`.
pub(super) fn value_record(
    transactional_id: &str,
    metadata: &Metadata,
    version: TransactionVersion,
) -> TransactionRecord {
    TransactionRecord {
        key: key(transactional_id),
        value: Some(value::encode(metadata, version)),
    }
}

pub(super) fn tombstone(transactional_id: &str) -> TransactionRecord {
    TransactionRecord {
        key: key(transactional_id),
        value: None,
    }
}
