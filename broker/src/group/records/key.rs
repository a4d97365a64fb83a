//! OffsetCommitKey (v0, v1) and GroupMetadataKey (v2): the version says which it is.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::{Reader, RecordError, put_string};

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

impl Key {
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader::new(bytes);
        match reader.i16()? {
            0 | OFFSET_VERSION => Ok(Self::Offset {
                group_id: reader.string()?,
                topic: reader.string()?,
                partition: reader.i32()?,
            }),
            GROUP_VERSION => Ok(Self::Group {
                group_id: reader.string()?,
            }),
            other => Ok(Self::Other(other)),
        }
    }
}
