//! OffsetCommitValue: written as v3, read as v0–v4.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::{Reader, RecordError, put_string};
use crate::group::messages::{CommittedOffset, OffsetToCommit};

const VERSION: i16 = 3;

pub fn encode(offset: &OffsetToCommit, commit_timestamp_ms: i64) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(VERSION);
    out.put_i64(offset.offset);
    out.put_i32(offset.leader_epoch);
    put_string(&mut out, &offset.metadata);
    out.put_i64(commit_timestamp_ms);
    out.freeze()
}

pub fn decode(bytes: &[u8]) -> Result<CommittedOffset, RecordError> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if !(0..=4).contains(&version) {
        return Err(RecordError::Version(version));
    }
    reader.is_flexible = version >= 4;
    let offset = reader.i64()?;
    let leader_epoch = if version >= 3 { reader.i32()? } else { -1 };
    let metadata = reader.string()?;
    let commit_timestamp_ms = reader.i64()?;
    if version == 1 {
        // An expiration of its own, which no broker has used since KIP-211.
        reader.i64()?;
    }
    Ok(CommittedOffset {
        offset,
        leader_epoch,
        metadata,
        commit_timestamp_ms,
    })
}
