//! The state of the log's user as it was when a segment began, in a file beside the segment.
//!
//! It is derived data, as an index is, and evidence of nothing: without it the user is told
//! of every batch again, from an older snapshot or from the oldest segment on. One that does
//! not decode is said loudly, and an older one is used; it is never taken for a user that
//! had no state.

use std::io;
use std::path::Path;

use bytes::Bytes;

use super::Checkpoint;
use crate::envelope;
use crate::segment::snapshot_path;
use naru_runtime::{Disk, read_file, replace_file};

const MAGIC: [u8; 4] = *b"NSNP";

#[derive(Clone, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct SegmentSnapshot {
    /// The segment that it belongs to: the user knew all below this offset, and no more.
    pub base_offset: i64,
    /// When the segment was begun, in ms.
    pub created_ms: i64,
    /// Leader epochs that began before the segment, and their first offsets, ascending.
    pub epochs: Vec<(i32, i64)>,
    /// What the user wants back.
    pub user_state: Vec<u8>,
}

impl SegmentSnapshot {
    /// A recovery point at the beginning of the segment. It names no start of the log but
    /// the first offset that there is.
    pub fn into_checkpoint(self) -> Checkpoint {
        Checkpoint {
            start_offset: 0,
            segment_created_ms: self.created_ms,
            epochs: self.epochs,
            user_state: self.user_state,
            ..Checkpoint::of_start(self.base_offset)
        }
    }

    /// The newest snapshot of those that belong to `segments`, if one of them fits.
    pub async fn newest<D: Disk>(disk: &D, dir: &Path, mut segments: Vec<i64>) -> Option<Self> {
        segments.sort_unstable();
        for base_offset in segments.into_iter().rev() {
            let path = snapshot_path(dir, base_offset);
            let found = read_file(disk, &path).await;
            match found.map(|bytes| Self::decode(&bytes, base_offset)) {
                Ok(Some(snapshot)) => return Some(snapshot),
                Ok(None) => tracing::error!(
                    "{} is damaged, or a newer naru wrote it: an older one is used, or all is read",
                    path.display()
                ),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::error!("{}: {error}", path.display()),
            }
        }
        None
    }

    pub async fn write<D: Disk>(&self, disk: &D, dir: &Path) -> io::Result<()> {
        let path = snapshot_path(dir, self.base_offset);
        replace_file(disk, &path, self.encode()?).await
    }

    /// Removes the snapshots of segments that are gone. What cannot be removed is no harm.
    pub(super) async fn remove_all<D: Disk>(disk: &D, dir: &Path, segments: Vec<i64>) {
        for base_offset in segments {
            let path = snapshot_path(dir, base_offset);
            if let Err(error) = disk.remove_file(&path).await {
                tracing::warn!("{}: {error}", path.display());
            }
        }
    }

    pub fn encode(&self) -> io::Result<Bytes> {
        let payload = rkyv::to_bytes::<rkyv::rancor::Error>(self).map_err(io::Error::other)?;
        Ok(envelope::seal(MAGIC, &payload))
    }

    /// Reads a snapshot; `None` if it is not whole, or not of this segment.
    pub fn decode(bytes: &[u8], base_offset: i64) -> Option<Self> {
        let payload = envelope::open(MAGIC, bytes)?;
        let found = rkyv::from_bytes::<Self, rkyv::rancor::Error>(&payload).ok()?;
        let fits = found.base_offset == base_offset
            && found.epochs.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1)
            && found.epochs.iter().all(|&(_, first)| first < base_offset);
        fits.then_some(found)
    }
}
