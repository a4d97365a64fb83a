//! A snapshot file: the whole state after one entry of the log; drawn in the room's docs.

use std::path::Path;

use bytes::Bytes;
use naru_runtime::Disk;

use super::command_log::EntryId;
use super::error::StorageError;
use super::files::{self, Prepared};
use super::frame::{u32_at, u64_at};
use super::image::ClusterImage;
use super::stored::{StoredState, decode_state, decode_state_v1, encode_state};

pub(super) const PREFIX: &str = "snapshot-";

const MAGIC: &[u8; 8] = b"NARUSNAP";
/// What is written; older ones are read.
const VERSION: u32 = 2;
const VERSION_ARCHIVED: u32 = 1;
const HEADER_BYTES: usize = 40;
/// The part of the header that the checksum covers.
const CHECKED_BYTES: usize = 32;

/// A snapshot that was read.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub state: StoredState,
    /// Whether this broker would have written the file otherwise.
    pub is_old: bool,
}

/// Writes the state under a temporary name; it counts once it is published.
pub(super) async fn prepare<D: Disk>(
    disk: &D,
    directory: &Path,
    last: EntryId,
    image: &ClusterImage,
) -> Result<Prepared<D::File>, StorageError> {
    let path = files::indexed_path(directory, PREFIX, last.index);
    let payload = encode_state(last, image);
    let header = Bytes::copy_from_slice(&header(VERSION, last.index, &payload));
    files::prepare(disk, path, vec![header, payload.into()]).await
}

/// Reads the snapshot whose name says that it was taken after that entry.
pub(super) async fn read<D: Disk>(
    disk: &D,
    path: &Path,
    index: u64,
) -> Result<Snapshot, StorageError> {
    let bytes = files::read(disk, path).await?;
    let wrong = |reason: &str| StorageError::corrupt(path, 0, reason);
    let (Some(magic), Some(version)) = (bytes.get(..8), u32_at(&bytes, 8)) else {
        return Err(wrong("the header is cut short"));
    };
    if magic != MAGIC {
        return Err(wrong("this is not a snapshot of cluster metadata"));
    }
    if version > VERSION {
        return Err(StorageError::NewerVersion {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    let payload = bytes.get(HEADER_BYTES..).unwrap_or_default();
    if version == 0
        || u64_at(&bytes, 24) != Some(payload.len() as u64)
        || bytes.get(..HEADER_BYTES) != Some(&header(version, index, payload))
    {
        return Err(wrong(
            "the snapshot does not fit its checksum or the file's name",
        ));
    }
    let is_old = version == VERSION_ARCHIVED;
    let state = if is_old {
        let image = decode_state_v1(index, payload);
        let image = image.map_err(|e| StorageError::corrupt(path, HEADER_BYTES, e))?;
        // Version 1 counted commands only.
        let last = EntryId {
            term: EntryId::SINGLE_NODE_TERM,
            index,
        };
        StoredState { last, image }
    } else {
        let state = decode_state(payload);
        state.map_err(|reason| StorageError::unreadable(path, HEADER_BYTES, reason))?
    };
    if state.last.index != index {
        return Err(wrong("the snapshot is of another entry than its name says"));
    }
    Ok(Snapshot { state, is_old })
}

fn header(version: u32, index: u64, payload: &[u8]) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    header[16..24].copy_from_slice(&index.to_le_bytes());
    header[24..32].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..CHECKED_BYTES]);
    hasher.update(payload);
    header[32..36].copy_from_slice(&hasher.finalize().to_le_bytes());
    header
}
