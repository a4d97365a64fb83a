//! The checkpoint of a partition: its recovery point, and all that recovery would
//! otherwise have to read the log for.

use std::path::Path;

use bytes::Bytes;

use crate::envelope;
use crate::index::{AbortedTransaction, IndexEntry, are_ordered};
use crate::segment::CHECKPOINT_FILE;
use naru_runtime::{Disk, read_file, replace_file};

const MAGIC: [u8; 4] = *b"NCKP";
const VERSION: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The first offset that may be read.
    pub start_offset: i64,
    /// The segment that holds the recovery point.
    pub segment: i64,
    /// The recovery point in that segment, in bytes: all before it is flushed.
    pub position: u64,
    /// The offset of the first record after the recovery point.
    pub next_offset: i64,
    /// The largest timestamp of the segment before the recovery point, in ms.
    pub max_timestamp_ms: i64,
    /// When the segment was started, in ms.
    pub segment_created_ms: i64,
    /// Leader epochs and their first offsets, ascending (KIP-101).
    pub epochs: Vec<(i32, i64)>,
    /// The index of the segment up to the recovery point.
    pub index: Vec<IndexEntry>,
    /// The transactions that were aborted in the segment before the recovery point.
    pub aborted: Vec<AbortedTransaction>,
    /// What the log's user wants back; it belongs to exactly `next_offset`.
    pub user_state: Vec<u8>,
    /// The log ended at the recovery point and was closed there.
    pub is_clean: bool,
}

impl Checkpoint {
    /// One that has everything read from `segment`, the oldest, on.
    pub fn of_start(segment: i64) -> Self {
        Self {
            start_offset: segment,
            segment,
            position: 0,
            next_offset: segment,
            max_timestamp_ms: i64::MIN,
            segment_created_ms: 0,
            epochs: Vec::new(),
            index: Vec::new(),
            aborted: Vec::new(),
            user_state: Vec::new(),
            is_clean: false,
        }
    }

    /// The checkpoint of a directory; `None` if there is none, or it is damaged.
    pub async fn read<D: Disk>(disk: &D, dir: &Path) -> std::io::Result<Option<Self>> {
        match read_file(disk, &dir.join(CHECKPOINT_FILE)).await {
            Ok(bytes) => Ok(Self::decode(&bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub async fn write<D: Disk>(&self, disk: &D, dir: &Path) -> std::io::Result<()> {
        replace_file(disk, &dir.join(CHECKPOINT_FILE), self.encode()?).await
    }

    fn encode(&self) -> std::io::Result<Bytes> {
        let stored = Stored {
            log: StoredV1 {
                start_offset: self.start_offset,
                segment: self.segment,
                position: self.position,
                next_offset: self.next_offset,
                max_timestamp_ms: self.max_timestamp_ms,
                segment_created_ms: self.segment_created_ms,
                epochs: self.epochs.clone(),
                index: self.index.clone(),
                user_state: self.user_state.clone(),
                is_clean: self.is_clean,
            },
            aborted: self.aborted.clone(),
        };
        let payload = rkyv::to_bytes::<rkyv::rancor::Error>(&stored);
        let payload = payload.map_err(std::io::Error::other)?;
        Ok(envelope::seal_version(MAGIC, VERSION, &payload))
    }

    /// Reads a checkpoint; `None` if it is not one, or not whole.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (log, aborted) = match envelope::open_version(MAGIC, VERSION, bytes) {
            Some(payload) => {
                let stored = rkyv::from_bytes::<Stored, rkyv::rancor::Error>(&payload).ok()?;
                (stored.log, stored.aborted)
            }
            None => {
                let payload = envelope::open(MAGIC, bytes)?;
                let stored = rkyv::from_bytes::<StoredV1, rkyv::rancor::Error>(&payload);
                (stored.ok()?, Vec::new())
            }
        };
        are_ordered(&aborted).then_some(Self {
            start_offset: log.start_offset,
            segment: log.segment,
            position: log.position,
            next_offset: log.next_offset,
            max_timestamp_ms: log.max_timestamp_ms,
            segment_created_ms: log.segment_created_ms,
            epochs: log.epochs,
            index: log.index,
            aborted,
            user_state: log.user_state,
            is_clean: log.is_clean,
        })
    }
}

/// Version 2 came with transactions.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct Stored {
    log: StoredV1,
    aborted: Vec<AbortedTransaction>,
}

/// Version 1 is read for ever.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct StoredV1 {
    start_offset: i64,
    segment: i64,
    position: u64,
    next_offset: i64,
    max_timestamp_ms: i64,
    segment_created_ms: i64,
    epochs: Vec<(i32, i64)>,
    index: Vec<IndexEntry>,
    user_state: Vec<u8>,
    is_clean: bool,
}
