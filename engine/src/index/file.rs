//! The bytes of an index file: a header, then the entries (layout in `docs/FORMAT.md`).

use bytes::Bytes;

use super::{Index, IndexEntry};
use crate::envelope;

const MAGIC: [u8; 4] = *b"NIDX";

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct IndexFile {
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
}

impl SegmentIndex {
    pub fn encode(&self) -> Bytes {
        let file = IndexFile {
            segment_bytes: self.segment_bytes,
            max_timestamp_ms: self.max_timestamp_ms,
            next_offset: self.next_offset,
            entries: self.index.entries().to_vec(),
        };
        envelope::seal(
            MAGIC,
            &rkyv::to_bytes::<rkyv::rancor::Error>(&file).unwrap_or_default(),
        )
    }

    /// Reads an index file; `None` if it is not whole, or not of this segment.
    pub fn decode(bytes: &[u8], segment_bytes: u64) -> Option<Self> {
        let payload = envelope::open(MAGIC, bytes)?;
        let file = rkyv::from_bytes::<IndexFile, rkyv::rancor::Error>(&payload).ok()?;
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
        })
    }
}
