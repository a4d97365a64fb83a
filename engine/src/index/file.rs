//! The bytes of an index file: a header, then the entries (layout in `docs/FORMAT.md`).

use bytes::Bytes;

use super::{Index, IndexEntry};
use crate::envelope;

const MAGIC: [u8; 4] = *b"NIDX";
const VERSION: u32 = 2;

/// Version 2 came with transactions.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct IndexFile {
    segment: IndexFileV1,
    /// How many entries the segment's `.txnindex` has. Without any, there may be no file.
    aborted_count: u32,
}

/// Version 1 is read for ever: of a segment without a transaction.
#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct IndexFileV1 {
    /// The segment's size when the index was made; another size makes it worthless.
    segment_bytes: u64,
    max_timestamp_ms: i64,
    /// The offset after its last record.
    next_offset: i64,
    entries: Vec<IndexEntry>,
}

/// The index of a segment, and what recovery wants to know of one that it does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentIndex {
    pub index: Index,
    pub segment_bytes: u64,
    pub max_timestamp_ms: i64,
    /// The offset after the segment's last record.
    pub next_offset: i64,
    /// How many of its transactions were aborted. Which, is in a file of their own: `index` has
    /// them only where that was read, too.
    pub aborted_count: u32,
}

impl SegmentIndex {
    pub fn encode(&self) -> Bytes {
        let file = IndexFile {
            segment: IndexFileV1 {
                segment_bytes: self.segment_bytes,
                max_timestamp_ms: self.max_timestamp_ms,
                next_offset: self.next_offset,
                entries: self.index.entries().to_vec(),
            },
            aborted_count: self.aborted_count,
        };
        envelope::seal_version(
            MAGIC,
            VERSION,
            &rkyv::to_bytes::<rkyv::rancor::Error>(&file).unwrap_or_default(),
        )
    }

    /// Reads an index file; `None` if it is not whole, or not of this segment.
    pub fn decode(bytes: &[u8], segment_bytes: u64) -> Option<Self> {
        let (file, aborted_count) = match envelope::open_version(MAGIC, VERSION, bytes) {
            Some(payload) => {
                let file = rkyv::from_bytes::<IndexFile, rkyv::rancor::Error>(&payload).ok()?;
                (file.segment, file.aborted_count)
            }
            None => {
                let payload = envelope::open(MAGIC, bytes)?;
                let file = rkyv::from_bytes::<IndexFileV1, rkyv::rancor::Error>(&payload);
                (file.ok()?, 0)
            }
        };
        let is_ordered = file
            .entries
            .windows(2)
            .all(|pair| pair[0].position < pair[1].position && pair[0].offset < pair[1].offset);
        let fits = file
            .entries
            .iter()
            .all(|e| e.position < segment_bytes && e.offset < file.next_offset);
        (file.segment_bytes == segment_bytes && is_ordered && fits).then(|| Self {
            index: Index::from_entries(file.entries),
            segment_bytes,
            max_timestamp_ms: file.max_timestamp_ms,
            next_offset: file.next_offset,
            aborted_count,
        })
    }
}
