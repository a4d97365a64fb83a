//! OffsetCommitValue: written as v4, or as v1 where it has an expiration of its own, read as v0–v4.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::group::messages::CommittedOffset;
use crate::record_codec::{Reader, RecordError, put_compact_string, put_string, put_tagged_fields};

const VERSION: i16 = 4;
/// The topic's id, in versions from 4 on.
const TOPIC_ID_TAG: u32 = 0;
/// The only version with an expiration (Kafka writes it in that case too).
const VERSION_WITH_EXPIRATION: i16 = 1;

pub fn encode(committed: &CommittedOffset) -> Bytes {
    let mut out = BytesMut::new();
    match committed.expire_timestamp_ms {
        None => {
            out.put_i16(VERSION);
            out.put_i64(committed.offset);
            out.put_i32(committed.leader_epoch);
            put_compact_string(&mut out, &committed.metadata);
            out.put_i64(committed.commit_timestamp_ms);
            let topic_id = committed.topic_id;
            let fields = [(TOPIC_ID_TAG, topic_id.as_bytes().as_slice())];
            let count = usize::from(!topic_id.is_nil());
            put_tagged_fields(&mut out, &fields[..count]);
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
    let mut topic_id = Uuid::nil();
    reader.each_tagged_field(|tag, bytes| {
        if tag == TOPIC_ID_TAG {
            topic_id = Uuid::from_slice(bytes).map_err(|_| RecordError::Cut)?;
        }
        Ok(())
    })?;
    Ok(CommittedOffset {
        offset,
        leader_epoch,
        metadata,
        commit_timestamp_ms,
        expire_timestamp_ms,
        topic_id,
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
            topic_id: Uuid::from_u128(5),
        };
        assert_eq!(decode(&encode(&committed)), Ok(committed.clone()));
        committed.expire_timestamp_ms = Some(200);
        // Version 1 has neither leader epoch nor topic id.
        committed.leader_epoch = -1;
        committed.topic_id = Uuid::nil();
        let encoded = encode(&committed);
        assert_eq!(encoded[..2], [0, 1]);
        assert_eq!(decode(&encoded), Ok(committed));
    }

    /// What Naru wrote before it knew topic ids, and Kafka up to 4.0.
    #[test]
    fn version_3_is_still_read() {
        let mut old = vec![0, 3];
        old.extend(7i64.to_be_bytes());
        old.extend(3i32.to_be_bytes());
        old.extend([0, 1, b'm']);
        old.extend(100i64.to_be_bytes());
        let read = decode(&old).unwrap();
        assert_eq!((read.offset, read.leader_epoch), (7, 3));
        assert_eq!((read.metadata.as_str(), read.topic_id), ("m", Uuid::nil()));
        assert_eq!(read.commit_timestamp_ms, 100);
    }
}
