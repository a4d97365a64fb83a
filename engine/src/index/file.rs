//! The bytes of an index file: a header, then the entries (layout in `docs/FORMAT.md`).

use bytes::Bytes;

use super::{Index, IndexEntry};
use crate::recovery::envelope;

const MAGIC: [u8; 4] = *b"NIDX";

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct IndexFile {
    /// The segment's size when the index was made; another size makes it worthless.
    segment_bytes: u64,
    max_timestamp_ms: i64,
    entries: Vec<IndexEntry>,
}

/// The index of a segment of `segment_bytes`, whose largest timestamp is given in ms.
pub fn encode(index: &Index, segment_bytes: u64, max_timestamp_ms: i64) -> Bytes {
    let file = IndexFile {
        segment_bytes,
        max_timestamp_ms,
        entries: index.entries().to_vec(),
    };
    envelope::seal(
        MAGIC,
        &rkyv::to_bytes::<rkyv::rancor::Error>(&file).unwrap_or_default(),
    )
}

/// The index and the largest timestamp, if the file is whole and of this segment.
pub fn decode(bytes: &[u8], segment_bytes: u64) -> Option<(Index, i64)> {
    let payload = envelope::open(MAGIC, bytes)?;
    let file = rkyv::from_bytes::<IndexFile, rkyv::rancor::Error>(&payload).ok()?;
    let is_ordered = file
        .entries
        .windows(2)
        .all(|pair| pair[0].position < pair[1].position && pair[0].offset < pair[1].offset);
    let fits = file.entries.iter().all(|e| e.position < segment_bytes);
    (file.segment_bytes == segment_bytes && is_ordered && fits)
        .then(|| (Index::from_entries(file.entries), file.max_timestamp_ms))
}
