//! OffsetCommitKey (v0, v1), GroupMetadataKey (v2) and those of KIP-848 (3 to 8, 16): the version,
//! or type, says which it is.

use bytes::{BufMut, Bytes, BytesMut};

use super::consumer::ConsumerKey;
use crate::record_codec::{Reader, RecordError, put_string};

const OFFSET_VERSION: i16 = 1;
const GROUP_VERSION: i16 = 2;

/// What a record is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    Offset {
        group_id: String,
        topic: String,
        partition: i32,
    },
    Group {
        group_id: String,
    },
    /// Of a KIP-848 group.
    Consumer {
        group_id: String,
        key: ConsumerKey,
    },
    /// Of a protocol that is not served; its version.
    Other(i16),
}

pub(super) fn offset(group_id: &str, topic: &str, partition: i32) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(OFFSET_VERSION);
    put_string(&mut out, group_id);
    put_string(&mut out, topic);
    out.put_i32(partition);
    out.freeze()
}

pub(super) fn group(group_id: &str) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(GROUP_VERSION);
    put_string(&mut out, group_id);
    out.freeze()
}

pub(super) fn consumer(group_id: &str, key: &ConsumerKey) -> Bytes {
    let mut out = BytesMut::new();
    let (kind, rest) = match key {
        ConsumerKey::Group => (3, None),
        ConsumerKey::PartitionMetadata => (4, None),
        ConsumerKey::Member(member_id) => (5, Some(member_id)),
        ConsumerKey::TargetEpoch => (6, None),
        ConsumerKey::Target(member_id) => (7, Some(member_id)),
        ConsumerKey::Current(member_id) => (8, Some(member_id)),
        ConsumerKey::Regex(regex) => (16, Some(regex)),
    };
    out.put_i16(kind);
    put_string(&mut out, group_id);
    if let Some(rest) = rest {
        put_string(&mut out, rest);
    }
    out.freeze()
}

impl Key {
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        let kind = reader.i16()?;
        match kind {
            0 | OFFSET_VERSION => Ok(Self::Offset {
                group_id: reader.string()?,
                topic: reader.string()?,
                partition: reader.i32()?,
            }),
            GROUP_VERSION => Ok(Self::Group {
                group_id: reader.string()?,
            }),
            3..=8 | 16 => Self::decode_consumer(kind, &mut reader),
            other => Ok(Self::Other(other)),
        }
    }
    fn decode_consumer(kind: i16, reader: &mut Reader<'_>) -> Result<Self, RecordError> {
        let group_id = reader.string()?;
        let key = match kind {
            3 => ConsumerKey::Group,
            4 => ConsumerKey::PartitionMetadata,
            5 => ConsumerKey::Member(reader.string()?),
            6 => ConsumerKey::TargetEpoch,
            7 => ConsumerKey::Target(reader.string()?),
            8 => ConsumerKey::Current(reader.string()?),
            16 => ConsumerKey::Regex(reader.string()?),
            other => return Ok(Self::Other(other)),
        };
        Ok(Self::Consumer { group_id, key })
    }
}
