//! ConsumerGroupRegularExpressionValue (16): the topics that a regular expression matched.

use std::collections::BTreeSet;

use bytes::{BufMut, Bytes, BytesMut};

use super::record::{VERSION, reader};
use crate::record_codec::{RecordError, put_compact_count, put_compact_string, put_tagged_fields};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegexValue {
    pub topics: BTreeSet<String>,
    /// The version of the cluster's metadata that was searched.
    pub version: i64,
    /// When it was searched, in ms since 1970.
    pub timestamp_ms: i64,
}

impl RegexValue {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_i16(VERSION);
        put_compact_count(&mut out, self.topics.len());
        for topic in &self.topics {
            put_compact_string(&mut out, topic);
        }
        out.put_i64(self.version);
        out.put_i64(self.timestamp_ms);
        put_tagged_fields(&mut out, &[]);
        out.freeze()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = reader(bytes)?;
        let mut value = Self::default();
        for _ in 0..reader.count()? {
            value.topics.insert(reader.string()?);
        }
        value.version = reader.i64()?;
        value.timestamp_ms = reader.i64()?;
        reader.tagged_fields()?;
        Ok(value)
    }
}
