//! The flushed mark: a lower bound of what is flushed, for telling a torn tail from
//! corruption. One file of two blocks, overwritten in place by turns, never flushed by
//! itself: an old mark is as true as a new one, it only says less.

use std::path::Path;

use bytes::Bytes;

use crate::envelope;
use crate::segment::FLUSHED_FILE;
use naru_runtime::{Aligned, BLOCK_BYTES, Disk, File, Open};

const MAGIC: [u8; 4] = *b"NFLM";

/// Flushed log bytes after which a new mark is written.
pub const EVERY_BYTES: u64 = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The segment, by its base offset.
    pub segment: i64,
    /// All before this position in it is flushed, in bytes.
    pub position: u64,
}

impl Mark {
    /// The block that holds this mark.
    pub fn block(self) -> Bytes {
        let mut payload = [0; 16];
        payload[..8].copy_from_slice(&self.segment.to_le_bytes());
        payload[8..].copy_from_slice(&self.position.to_le_bytes());
        let sealed = envelope::seal(MAGIC, &payload);
        let mut block = Aligned::new(BLOCK_BYTES);
        block.fill(0);
        block[..sealed.len()].copy_from_slice(&sealed);
        block.freeze()
    }

    fn parse(block: &[u8]) -> Option<Self> {
        let payload = envelope::open(MAGIC, block)?;
        let (segment, position) = payload.split_first_chunk::<8>()?;
        Some(Self {
            segment: i64::from_le_bytes(*segment),
            position: u64::from_le_bytes(*position.first_chunk()?),
        })
    }

    /// The larger of the two marks in the file, if it has one.
    pub async fn read<D: Disk>(disk: &D, dir: &Path) -> std::io::Result<Option<Self>> {
        let file = match disk.open(&dir.join(FLUSHED_FILE), Open::Direct).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = file.read_at(0, 2 * BLOCK_BYTES).await?;
        Ok(bytes.chunks(BLOCK_BYTES).filter_map(Self::parse).max())
    }
}
