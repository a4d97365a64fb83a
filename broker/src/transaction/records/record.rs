//! A record: its key, and from a key back to the id.

use bytes::{BufMut, Bytes, BytesMut};

use super::value;
use crate::record_codec::{Reader, RecordError, put_string};
use crate::transaction::TransactionVersion;
use crate::transaction::metadata::Metadata;

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
pub fn decode_key(bytes: &[u8]) -> Result<Option<String>, RecordError> {
    let mut reader = Reader::new(bytes);
    match reader.i16()? {
        KEY_VERSION => reader.string().map(Some),
        _ => Ok(None),
    }
}

/// The record of an id in a cluster of `version`.
pub fn value_record(
    transactional_id: &str,
    metadata: &Metadata,
    version: TransactionVersion,
) -> TransactionRecord {
    TransactionRecord {
        key: key(transactional_id),
        value: Some(value::encode(metadata, version)),
    }
}

pub fn tombstone(transactional_id: &str) -> TransactionRecord {
    TransactionRecord {
        key: key(transactional_id),
        value: None,
    }
}
