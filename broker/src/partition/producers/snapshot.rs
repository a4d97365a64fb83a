//! The bytes of a snapshot of producers, which is in the log's checkpoint (`docs/FORMAT.md`).
//!
//! Stored forms are apart from the live ones, so that a change of code changes no bytes. Every
//! version that was ever written is read; a newer one is an error that says so, never "no
//! producers": a duplicate would pass for new.

use std::collections::{HashMap, VecDeque};

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Batch, Producer};

/// Version 0 had no magic and began with a length: its first bytes are never these.
const MAGIC: [u8; 6] = *b"NPRODU";
const VERSION: u16 = 1;
const PRODUCER_BYTES: usize = 8 + 2 + 8 + 1;
const BATCH_BYTES: usize = 4 + 4 + 8 + 8 + 8;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error(
        "the snapshot of producers has version {found}, this naru reads up to {VERSION}: start the \
         newer naru that wrote it"
    )]
    Newer { found: u16 },
    #[error("the snapshot of producers does not decode: {what}")]
    Damaged { what: &'static str },
}

pub fn encode(producers: &HashMap<i64, Producer>) -> Bytes {
    let batches: usize = producers.values().map(|p| p.batches.len()).sum();
    let bytes = MAGIC.len() + 6 + producers.len() * PRODUCER_BYTES + batches * BATCH_BYTES;
    let mut out = BytesMut::with_capacity(bytes);
    out.put_slice(&MAGIC);
    out.put_u16_le(VERSION);
    out.put_u32_le(producers.len() as u32);
    for (id, producer) in producers {
        out.put_i64_le(*id);
        out.put_i16_le(producer.epoch);
        out.put_i64_le(producer.last_append_ms);
        out.put_u8(producer.batches.len() as u8);
        for batch in &producer.batches {
            out.put_i32_le(batch.first_sequence);
            out.put_i32_le(batch.last_sequence);
            out.put_i64_le(batch.first_offset);
            out.put_i64_le(batch.last_offset);
            out.put_i64_le(batch.timestamp_ms);
        }
    }
    debug_assert_eq!(out.len(), bytes);
    out.freeze()
}

/// Reads a snapshot of any version. No bytes are no producers: nothing was ever appended.
pub fn decode(bytes: &[u8], now_ms: i64) -> Result<HashMap<i64, Producer>, SnapshotError> {
    if bytes.is_empty() {
        return Ok(HashMap::new());
    }
    let Some(mut rest) = bytes.strip_prefix(&MAGIC) else {
        return v0::decode(bytes, now_ms);
    };
    let cut = |_| SnapshotError::Damaged {
        what: "it is cut short",
    };
    let found = rest.try_get_u16_le().map_err(cut)?;
    if found != VERSION {
        return Err(SnapshotError::Newer { found });
    }
    let count = rest.try_get_u32_le().map_err(cut)?;
    let mut producers = HashMap::new();
    for _ in 0..count {
        let id = rest.try_get_i64_le().map_err(cut)?;
        let epoch = rest.try_get_i16_le().map_err(cut)?;
        let last_append_ms = rest.try_get_i64_le().map_err(cut)?;
        let batches = rest.try_get_u8().map_err(cut)?;
        let mut producer = Producer {
            epoch,
            last_append_ms,
            batches: VecDeque::with_capacity(usize::from(batches)),
            resumes_at: None,
        };
        for _ in 0..batches {
            producer.batches.push_back(Batch {
                first_sequence: rest.try_get_i32_le().map_err(cut)?,
                last_sequence: rest.try_get_i32_le().map_err(cut)?,
                first_offset: rest.try_get_i64_le().map_err(cut)?,
                last_offset: rest.try_get_i64_le().map_err(cut)?,
                timestamp_ms: rest.try_get_i64_le().map_err(cut)?,
            });
        }
        producers.insert(id, producer);
    }
    if rest.is_empty() {
        Ok(producers)
    } else {
        Err(SnapshotError::Damaged {
            what: "bytes follow its end",
        })
    }
}

/// As it was written before snapshots had versions: rkyv of the live forms of that time.
mod v0 {
    use std::collections::{HashMap, VecDeque};

    use rkyv::{Archive, Deserialize, Serialize};

    use super::super::{Batch, Producer};
    use super::SnapshotError;

    #[derive(Archive, Serialize, Deserialize)]
    struct StoredProducer {
        epoch: i16,
        last_timestamp_ms: i64,
        batches: VecDeque<StoredBatch>,
    }

    #[derive(Archive, Serialize, Deserialize)]
    struct StoredBatch {
        first_sequence: i32,
        last_sequence: i32,
        first_offset: i64,
        last_offset: i64,
        timestamp_ms: i64,
    }

    /// The time that was kept is the producer's own, and may be any: they all count as heard of
    /// now.
    pub fn decode(bytes: &[u8], now_ms: i64) -> Result<HashMap<i64, Producer>, SnapshotError> {
        let mut aligned = rkyv::util::AlignedVec::<16>::with_capacity(bytes.len());
        aligned.extend_from_slice(bytes);
        let stored = rkyv::from_bytes::<Vec<(i64, StoredProducer)>, rkyv::rancor::Error>(&aligned);
        let stored = stored.map_err(|_| SnapshotError::Damaged {
            what: "it is of no known version",
        })?;
        let live = |(id, producer): (i64, StoredProducer)| {
            let batches = producer.batches.into_iter().map(|batch| Batch {
                first_sequence: batch.first_sequence,
                last_sequence: batch.last_sequence,
                first_offset: batch.first_offset,
                last_offset: batch.last_offset,
                timestamp_ms: batch.timestamp_ms,
            });
            let producer = Producer {
                epoch: producer.epoch,
                last_append_ms: now_ms,
                batches: batches.collect(),
                resumes_at: None,
            };
            (id, producer)
        };
        Ok(stored.into_iter().map(live).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Producer 7, epoch 1, two batches, as each version wrote it.
    const V0: &[u8] = include_bytes!("golden/snapshot-v0.bin");
    const V1: &[u8] = include_bytes!("golden/snapshot-v1.bin");

    fn golden(last_append_ms: i64) -> HashMap<i64, Producer> {
        let batch = |first: i32, first_offset: i64| Batch {
            first_sequence: first,
            last_sequence: first + 2,
            first_offset,
            last_offset: first_offset + 2,
            timestamp_ms: 1_700_000_000_000,
        };
        let producer = Producer {
            epoch: 1,
            last_append_ms,
            batches: [batch(0, 100), batch(3, 110)].into(),
            resumes_at: None,
        };
        HashMap::from([(7, producer)])
    }

    #[test]
    fn every_version_is_read() {
        assert_eq!(decode(V0, 55), Ok(golden(55)));
        assert_eq!(decode(V1, 55), Ok(golden(1_700_000_000_001)));
        assert_eq!(encode(&golden(1_700_000_000_001)), V1);
        assert_eq!(decode(b"", 55), Ok(HashMap::new()));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_not_nobody() {
        let mut newer = V1.to_vec();
        newer[MAGIC.len()] = 2;
        assert_eq!(decode(&newer, 0), Err(SnapshotError::Newer { found: 2 }));
        for end in 1..V1.len() {
            assert!(decode(&V1[..end], 0).is_err(), "cut to {end} bytes");
        }
        assert!(decode(&[V1, b"x"].concat(), 0).is_err());
        assert!(decode(b"not a snapshot", 0).is_err());
    }
}
