//! OffsetCommitValue: written as v3, or as v1 where it has an expiration of its own, read as v0–v4.

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::{Reader, RecordError, put_string};
use crate::group::messages::CommittedOffset;

const VERSION: i16 = 3;
/// The only version with an expiration (Kafka writes it in that case too).
const VERSION_WITH_EXPIRATION: i16 = 1;

pub fn encode(committed: &CommittedOffset) -> Bytes {
    let mut out = BytesMut::new();
    match committed.expire_timestamp_ms {
        None => {
            out.put_i16(VERSION);
            out.put_i64(committed.offset);
            out.put_i32(committed.leader_epoch);
            put_string(&mut out, &committed.metadata);
            out.put_i64(committed.commit_timestamp_ms);
        }
        Some(expire_timestamp_ms) => {
            out.put_i16(VERSION_WITH_EXPIRATION);
            out.put_i64(committed.offset);
            put_string(&mut out, &committed.metadata);
            out.put_i64(committed.commit_timestamp_ms);
            out.put_i64(expire_timestamp_ms);
        }
    }
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
    let expire_timestamp_ms = match version {
        VERSION_WITH_EXPIRATION => Some(reader.i64()?).filter(|ms| *ms >= 0),
        _ => None,
    };
    Ok(CommittedOffset {
        offset,
        leader_epoch,
        metadata,
        commit_timestamp_ms,
        expire_timestamp_ms,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiration_of_its_own_survives_and_costs_others_nothing() {
        let mut committed = CommittedOffset {
            offset: 7,
            leader_epoch: 3,
            metadata: "m".to_owned(),
            commit_timestamp_ms: 100,
            expire_timestamp_ms: None,
        };
        assert_eq!(decode(&encode(&committed)), Ok(committed.clone()));
        committed.expire_timestamp_ms = Some(200);
        // Version 1 has no leader epoch.
        committed.leader_epoch = -1;
        let encoded = encode(&committed);
        assert_eq!(encoded[..2], [0, 1]);
        assert_eq!(decode(&encoded), Ok(committed));
    }
}
