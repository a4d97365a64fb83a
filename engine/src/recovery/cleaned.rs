//! How far a log was compacted, in a file beside its segments.

use std::path::Path;

use bytes::Bytes;

use crate::envelope;
use crate::segment::CLEANED_FILE;
use naru_runtime::{Disk, read_file, replace_file};

const MAGIC: [u8; 4] = *b"NCLN";

/// What a cleaning has done, or was about to do.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct CleanedMark {
    /// Segments before this one may have been written again: what was said earlier of a
    /// position in one of them says nothing of it. Durable before the first of them is. There
    /// is a segment that begins here, or one after it.
    pub rewritten_to: i64,
    /// All before it is clean: the dirty part begins here.
    pub clean_to: i64,
}

impl CleanedMark {
    /// The mark of a directory; one that is damaged says nothing.
    pub async fn read<D: Disk>(disk: &D, dir: &Path) -> std::io::Result<Self> {
        match read_file(disk, &dir.join(CLEANED_FILE)).await {
            Ok(bytes) => Ok(Self::decode(&bytes).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub async fn write<D: Disk>(&self, disk: &D, dir: &Path) -> std::io::Result<()> {
        replace_file(disk, &dir.join(CLEANED_FILE), self.encode()?).await
    }

    /// The same for a log that ends in the segment at `base_offset`.
    #[must_use]
    pub fn cut_to(self, base_offset: i64) -> Self {
        Self {
            rewritten_to: self.rewritten_to.min(base_offset),
            clean_to: self.clean_to.min(base_offset),
        }
    }

    pub fn encode(&self) -> std::io::Result<Bytes> {
        let payload = rkyv::to_bytes::<rkyv::rancor::Error>(self).map_err(std::io::Error::other)?;
        Ok(envelope::seal(MAGIC, &payload))
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let payload = envelope::open(MAGIC, bytes)?;
        rkyv::from_bytes::<Self, rkyv::rancor::Error>(&payload).ok()
    }
}
