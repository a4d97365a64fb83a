//! ConsumerGroupMetadataValue (3) and ConsumerGroupTargetAssignmentMetadataValue (6): how far the
//! group is, and how far its assignment.

use bytes::{BufMut, Bytes, BytesMut};

use super::record::{VERSION, reader};
use crate::record_codec::{Reader, RecordError, put_tagged_fields};

const METADATA_HASH: u32 = 0;
const ASSIGNMENT_TIMESTAMP: u32 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupValue {
    /// Grows with everything that may change the assignment.
    pub epoch: i32,
    /// Of the topics that the group is subscribed to; 0 without any.
    pub metadata_hash: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TargetEpochValue {
    /// The group's epoch that the target assignment was made for.
    pub epoch: i32,
    /// When it was made, in ms since 1970; 0 is unknown.
    pub timestamp_ms: i64,
}

impl GroupValue {
    pub(super) fn encode(&self) -> Bytes {
        encode(self.epoch, METADATA_HASH, self.metadata_hash)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (epoch, metadata_hash) = decode(bytes, METADATA_HASH)?;
        Ok(Self {
            epoch,
            metadata_hash,
        })
    }
}

impl TargetEpochValue {
    pub(super) fn encode(&self) -> Bytes {
        encode(self.epoch, ASSIGNMENT_TIMESTAMP, self.timestamp_ms)
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let (epoch, timestamp_ms) = decode(bytes, ASSIGNMENT_TIMESTAMP)?;
        Ok(Self {
            epoch,
            timestamp_ms,
        })
    }
}

fn encode(epoch: i32, tag: u32, tagged: i64) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    out.put_i32(epoch);
    let mut field = BytesMut::new();
    field.put_i64(tagged);
    let fields = [(tag, &field[..])];
    put_tagged_fields(&mut out, if tagged == 0 { &[] } else { &fields });
    out.freeze()
}

fn decode(bytes: &[u8], wanted: u32) -> Result<(i32, i64), RecordError> {
    let mut reader = reader(bytes)?;
    let epoch = reader.i32()?;
    let mut tagged = 0;
    reader.each_tagged_field(|tag, field| {
        if tag == wanted {
            tagged = Reader::flexible(field).i64()?;
        }
        Ok(())
    })?;
    Ok((epoch, tagged))
}
