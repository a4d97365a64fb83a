//! The bytes of a snapshot of producers, which is in the log's checkpoint (`docs/FORMAT.md`).
//!
//! Stored forms are apart from the live ones, so that a change of code changes no bytes. Every
//! version that was ever written is read; a newer one is an error that says so, never "no
//! producers": a duplicate would pass for new.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::{Buf, BufMut, Bytes, BytesMut, TryGetError};

use super::transactions::{Decided, Transactions};
use super::{Batch, NO_COORDINATOR_EPOCH, Producer};

/// Version 0 had no magic and began with a length: its first bytes are never these.
const MAGIC: [u8; 6] = *b"NPRODU";
/// Version 2 came with transactions.
const VERSION: u16 = 2;
const PRODUCER_BYTES: usize = 8 + 2 + 8 + 4 + 4 + 8 + 8 + 1;
const BATCH_BYTES: usize = 4 + 4 + 8 + 8 + 8;
const DECIDED_BYTES: usize = 8 + 8 + 8;

/// An offset or sequence that there is none of.
const NONE: i8 = -1;

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

impl From<TryGetError> for SnapshotError {
    fn from(_: TryGetError) -> Self {
        Self::Damaged {
            what: "it is cut short",
        }
    }
}

pub fn encode(producers: &HashMap<i64, Producer>, transactions: &Transactions) -> Bytes {
    let batches: usize = producers.values().map(|p| p.batches.len()).sum();
    let decided = transactions.undecided_for_consumers();
    let decided: Vec<_> = decided.collect();
    let bytes = MAGIC.len()
        + 10
        + producers.len() * PRODUCER_BYTES
        + batches * BATCH_BYTES
        + decided.len() * DECIDED_BYTES;
    let mut out = BytesMut::with_capacity(bytes);
    out.put_slice(&MAGIC);
    out.put_u16_le(VERSION);
    out.put_u32_le(producers.len() as u32);
    // In order, so that the same state has the same bytes.
    let mut in_order: Vec<_> = producers.iter().collect();
    in_order.sort_unstable_by_key(|(id, _)| **id);
    for (id, producer) in in_order {
        out.put_i64_le(*id);
        out.put_i16_le(producer.epoch);
        out.put_i64_le(producer.last_append_ms);
        out.put_i32_le(producer.coordinator_epoch);
        out.put_i32_le(producer.resumes_at.unwrap_or(NONE.into()));
        out.put_i64_le(producer.open_from.unwrap_or(NONE.into()));
        out.put_i64_le(producer.last_data_offset.unwrap_or(NONE.into()));
        out.put_u8(producer.batches.len() as u8);
        for batch in &producer.batches {
            out.put_i32_le(batch.first_sequence);
            out.put_i32_le(batch.last_sequence);
            out.put_i64_le(batch.first_offset);
            out.put_i64_le(batch.last_offset);
            out.put_i64_le(batch.timestamp_ms);
        }
    }
    out.put_u32_le(decided.len() as u32);
    for (producer_id, first_offset, marker_offset) in decided {
        out.put_i64_le(producer_id);
        out.put_i64_le(first_offset);
        out.put_i64_le(marker_offset);
    }
    debug_assert_eq!(out.len(), bytes);
    out.freeze()
}

/// Reads a snapshot of any version. No bytes are no producers: nothing was ever appended.
pub fn decode(
    bytes: &[u8],
    now_ms: i64,
) -> Result<(HashMap<i64, Producer>, Transactions), SnapshotError> {
    if bytes.is_empty() {
        return Ok(Default::default());
    }
    let Some(mut rest) = bytes.strip_prefix(&MAGIC) else {
        return Ok((v0::decode(bytes, now_ms)?, Transactions::default()));
    };
    let version = match rest.try_get_u16_le()? {
        version @ 1..=VERSION => version,
        found => return Err(SnapshotError::Newer { found }),
    };
    let count = rest.try_get_u32_le()?;
    let mut producers = HashMap::new();
    let mut open = BTreeMap::new();
    for _ in 0..count {
        let id = rest.try_get_i64_le()?;
        let producer = producer(&mut rest, version)?;
        if let Some(first_offset) = producer.open_from {
            open.insert(first_offset, id);
        }
        producers.insert(id, producer);
    }
    let decided = match version {
        1 => VecDeque::new(),
        _ => decided(&mut rest)?,
    };
    if !rest.is_empty() {
        return Err(SnapshotError::Damaged {
            what: "bytes follow its end",
        });
    }
    Ok((producers, Transactions::restored(open, decided)))
}

fn producer(rest: &mut &[u8], version: u16) -> Result<Producer, SnapshotError> {
    let mut producer = Producer::new(rest.try_get_i16_le()?);
    producer.last_append_ms = rest.try_get_i64_le()?;
    if version >= 2 {
        producer.coordinator_epoch = rest.try_get_i32_le()?.max(NO_COORDINATOR_EPOCH);
        producer.resumes_at = Some(rest.try_get_i32_le()?).filter(|s| *s >= 0);
        producer.open_from = Some(rest.try_get_i64_le()?).filter(|o| *o >= 0);
        producer.last_data_offset = Some(rest.try_get_i64_le()?).filter(|o| *o >= 0);
    }
    for _ in 0..rest.try_get_u8()? {
        producer.batches.push_back(Batch {
            first_sequence: rest.try_get_i32_le()?,
            last_sequence: rest.try_get_i32_le()?,
            first_offset: rest.try_get_i64_le()?,
            last_offset: rest.try_get_i64_le()?,
            timestamp_ms: rest.try_get_i64_le()?,
        });
    }
    if version < 2 {
        producer.last_data_offset = producer.batches.back().map(|b| b.last_offset);
    }
    Ok(producer)
}

fn decided(rest: &mut &[u8]) -> Result<VecDeque<Decided>, SnapshotError> {
    let mut decided: VecDeque<Decided> = VecDeque::new();
    for _ in 0..rest.try_get_u32_le()? {
        let one = Decided {
            producer_id: rest.try_get_i64_le()?,
            first_offset: Some(rest.try_get_i64_le()?),
            marker_offset: rest.try_get_i64_le()?,
            before: None,
        };
        let last = decided.back().map(|last| last.marker_offset);
        if last >= Some(one.marker_offset) {
            return Err(SnapshotError::Damaged {
                what: "its markers are out of order",
            });
        }
        decided.push_back(one);
    }
    Ok(decided)
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
            let mut live = Producer::new(producer.epoch);
            live.last_append_ms = now_ms;
            live.batches = batches.collect();
            live.last_data_offset = live.batches.back().map(|b| b.last_offset);
            (id, live)
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
    /// The same producer with an open transaction; one that only a marker is known of; and a
    /// transaction of a third one, whose marker was not committed.
    const V2: &[u8] = include_bytes!("golden/snapshot-v2.bin");

    fn golden(last_append_ms: i64) -> HashMap<i64, Producer> {
        let batch = |first: i32, first_offset: i64| Batch {
            first_sequence: first,
            last_sequence: first + 2,
            first_offset,
            last_offset: first_offset + 2,
            timestamp_ms: 1_700_000_000_000,
        };
        let producer = Producer {
            last_append_ms,
            batches: [batch(0, 100), batch(3, 110)].into(),
            last_data_offset: Some(112),
            ..Producer::new(1)
        };
        HashMap::from([(7, producer)])
    }

    fn golden_transactions() -> Transactions {
        let decided = Decided {
            producer_id: 9,
            first_offset: Some(90),
            marker_offset: 105,
            before: None,
        };
        Transactions::restored([(110, 7)].into(), [decided].into())
    }

    fn plain(
        producers: HashMap<i64, Producer>,
    ) -> Result<(HashMap<i64, Producer>, Transactions), SnapshotError> {
        Ok((producers, Transactions::default()))
    }

    #[test]
    fn every_version_is_read() {
        assert_eq!(decode(V0, 55), plain(golden(55)));
        assert_eq!(decode(V1, 55), plain(golden(1_700_000_000_001)));
        assert_eq!(decode(b"", 55), plain(HashMap::new()));

        let mut producers = golden(1_700_000_000_001);
        if let Some(producer) = producers.get_mut(&7) {
            producer.open_from = Some(110);
            producer.coordinator_epoch = 4;
        }
        let (found, transactions) = decode(V2, 55).expect("it is whole");
        assert_eq!(found[&7], producers[&7]);
        let marked = Producer {
            last_append_ms: 1_700_000_000_002,
            coordinator_epoch: 5,
            resumes_at: Some(0),
            ..Producer::new(3)
        };
        assert_eq!(found[&9], marked);
        assert_eq!((found.len(), &transactions), (2, &golden_transactions()));
        let again = encode(&found, &transactions);
        assert_eq!(again.len(), V2.len());
        assert_eq!(decode(&again, 55), Ok((found, transactions)));
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_not_nobody() {
        let mut newer = V2.to_vec();
        newer[MAGIC.len()] = 3;
        assert_eq!(decode(&newer, 0), Err(SnapshotError::Newer { found: 3 }));
        for whole in [V1, V2] {
            for end in 1..whole.len() {
                assert!(decode(&whole[..end], 0).is_err(), "cut to {end} bytes");
            }
            assert!(decode(&[whole, b"x"].concat(), 0).is_err());
        }
        assert!(decode(b"not a snapshot", 0).is_err());
    }
}
