//! The keys of a sealed segment, `<base>.narukeys` (layout in `docs/FORMAT.md`): a header
//! block, then blocks of entries, sorted. Derived: what is missing or damaged is built again.
//!
//! Each block has a checksum of its own, over its number and what the file belongs to, too:
//! it may be read in pieces, and a block of another file, or of another place, is none.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use naru_runtime::{Aligned, BLOCK_BYTES, Disk, File, Open};

use super::key_entry::{ENTRY_BYTES, KeyEntry};
use super::{CleanError, Pace};
use crate::envelope;

const MAGIC: [u8; 4] = *b"NKEY";

/// Checksum and count.
const BLOCK_HEAD_BYTES: usize = 8;
pub(super) const ENTRIES_PER_BLOCK: usize = (BLOCK_BYTES - BLOCK_HEAD_BYTES) / ENTRY_BYTES;

const _: () = assert!(ENTRIES_PER_BLOCK == 170);

/// Which segment a key file is of, and in which state of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyFileId {
    pub base_offset: i64,
    pub segment_bytes: u64,
    /// The base offset of the segment after it.
    pub next_offset: i64,
}

/// What is known of a segment's records beside their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct KeyFacts {
    /// Records without a key, which a cleaning drops.
    pub unkeyed_count: u64,
    /// Tombstones that have no delete horizon yet.
    pub bare_tombstones_count: u64,
    /// The earliest delete horizon of a batch with tombstones, in ms; the largest number
    /// where there is none.
    pub first_horizon_ms: i64,
    /// There are transactional batches, or markers.
    pub has_transactions: bool,
}

impl Default for KeyFacts {
    fn default() -> Self {
        Self {
            unkeyed_count: 0,
            bare_tombstones_count: 0,
            first_horizon_ms: i64::MAX,
            has_transactions: false,
        }
    }
}

#[derive(rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
struct Header {
    base_offset: i64,
    segment_bytes: u64,
    next_offset: i64,
    entries_count: u64,
    facts: KeyFacts,
}

/// A key file whose header fits.
pub struct KeyFile<F> {
    file: F,
    path: PathBuf,
    id: KeyFileId,
    entries_count: u64,
    facts: KeyFacts,
}

impl<F: File> KeyFile<F> {
    /// Opens a file, if it is there and belongs to `id`.
    pub(super) async fn open<D: Disk<File = F>>(
        disk: &D,
        path: &Path,
        id: KeyFileId,
    ) -> Result<Option<Self>, CleanError> {
        let file = match disk.open(path, Open::Direct).await {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(CleanError::io(path)(error)),
        };
        let head = file.read_at(0, BLOCK_BYTES).await;
        let head = head.map_err(CleanError::io(path))?;
        let header = envelope::open(MAGIC, &head)
            .and_then(|payload| rkyv::from_bytes::<Header, rkyv::rancor::Error>(&payload).ok());
        let Some(header) = header else {
            return Ok(None);
        };
        let found = KeyFileId {
            base_offset: header.base_offset,
            segment_bytes: header.segment_bytes,
            next_offset: header.next_offset,
        };
        Ok((found == id).then(|| Self {
            file,
            path: path.to_owned(),
            id,
            entries_count: header.entries_count,
            facts: header.facts,
        }))
    }

    pub fn facts(&self) -> KeyFacts {
        self.facts
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads its entries in order, with about `buffer_bytes` of memory.
    pub(super) fn entries(self, buffer_bytes: usize) -> KeyReader<F> {
        KeyReader {
            file: self.file,
            path: self.path,
            id: self.id,
            left: self.entries_count,
            next_block: 1,
            buffer: Bytes::new(),
            buffer_bytes: buffer_bytes.next_multiple_of(BLOCK_BYTES),
            entries: Vec::with_capacity(ENTRIES_PER_BLOCK),
        }
    }
}

/// The entries of a file, one after the other.
pub(super) struct KeyReader<F> {
    file: F,
    path: PathBuf,
    id: KeyFileId,
    left: u64,
    next_block: u64,
    buffer: Bytes,
    buffer_bytes: usize,
    /// Those of the block that is being read, the last one first.
    entries: Vec<KeyEntry>,
}

impl<F: File> KeyReader<F> {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub async fn next(&mut self, pace: &impl Pace) -> Result<Option<KeyEntry>, CleanError> {
        if let Some(entry) = self.entries.pop() {
            return Ok(Some(entry));
        }
        if self.left == 0 {
            return Ok(None);
        }
        if self.buffer.is_empty() {
            let blocks_left = self.left.div_ceil(ENTRIES_PER_BLOCK as u64);
            let wanted = self.buffer_bytes as u64;
            let wanted = wanted.min(blocks_left * BLOCK_BYTES as u64) as usize;
            let position = self.next_block * BLOCK_BYTES as u64;
            let read = self.file.read_at(position, wanted).await;
            self.buffer = read.map_err(CleanError::io(&self.path))?;
            pace.moved(self.buffer.len() as u64).await?;
        }
        let damaged = || CleanError::KeyFile {
            path: self.path.clone(),
        };
        if self.buffer.len() < BLOCK_BYTES {
            return Err(damaged());
        }
        let block = self.buffer.split_to(BLOCK_BYTES);
        let entries = read_block(self.id, self.next_block, &block).ok_or_else(damaged)?;
        self.next_block += 1;
        let count = entries.len() as u64;
        self.left = self.left.checked_sub(count).ok_or_else(damaged)?;
        self.entries = entries;
        self.entries.reverse();
        Ok(self.entries.pop())
    }
}

fn block_checksum(id: KeyFileId, number: u64, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for part in [
        id.base_offset.to_le_bytes(),
        id.segment_bytes.to_le_bytes(),
        id.next_offset.to_le_bytes(),
        number.to_le_bytes(),
    ] {
        hasher.update(&part);
    }
    hasher.update(content);
    hasher.finalize()
}

/// The entries of a block, at least one, if it is whole.
fn read_block(id: KeyFileId, number: u64, block: &[u8]) -> Option<Vec<KeyEntry>> {
    let (crc, rest) = block.split_first_chunk::<4>()?;
    let (count, entries) = rest.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let filled = rest.get(..4 + count.checked_mul(ENTRY_BYTES)?)?;
    if count == 0 || u32::from_le_bytes(*crc) != block_checksum(id, number, filled) {
        return None;
    }
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    let entries = entries.iter().take(count);
    Some(entries.map(|&entry| KeyEntry::from_bytes(entry)).collect())
}

/// Writes a key file. What was written is not flushed: it is derived.
pub(super) struct KeyWriter<F> {
    file: F,
    path: PathBuf,
    id: KeyFileId,
    entries_count: u64,
    block: Vec<KeyEntry>,
    next_block: u64,
    chunk: Vec<u8>,
    chunk_bytes: usize,
}

impl<F: File> KeyWriter<F> {
    /// Makes the file; one that is there is replaced.
    pub async fn create<D: Disk<File = F>>(
        disk: &D,
        path: PathBuf,
        id: KeyFileId,
        chunk_bytes: usize,
    ) -> Result<Self, CleanError> {
        match disk.remove_file(&path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(CleanError::io(&path)(error));
            }
            _ => {}
        }
        let made = disk.open(&path, Open::DirectNew).await;
        let file = made.map_err(CleanError::io(&path))?;
        Ok(Self {
            file,
            path,
            id,
            entries_count: 0,
            block: Vec::with_capacity(ENTRIES_PER_BLOCK),
            next_block: 1,
            chunk: Vec::new(),
            chunk_bytes: chunk_bytes.next_multiple_of(BLOCK_BYTES),
        })
    }

    /// Takes the next entry, in their order.
    pub async fn push(&mut self, entry: KeyEntry, pace: &impl Pace) -> Result<(), CleanError> {
        self.block.push(entry);
        self.entries_count += 1;
        if self.block.len() == ENTRIES_PER_BLOCK {
            self.end_block();
            if self.chunk.len() >= self.chunk_bytes {
                self.write_chunk(pace).await?;
            }
        }
        Ok(())
    }

    fn end_block(&mut self) {
        let number = self.next_block + (self.chunk.len() / BLOCK_BYTES) as u64;
        let mut content = (self.block.len() as u32).to_le_bytes().to_vec();
        for entry in self.block.drain(..) {
            content.extend_from_slice(&entry.to_bytes());
        }
        let crc = block_checksum(self.id, number, &content);
        self.chunk.extend_from_slice(&crc.to_le_bytes());
        self.chunk.extend_from_slice(&content);
        let padded = self.chunk.len().next_multiple_of(BLOCK_BYTES);
        self.chunk.resize(padded, 0);
    }

    async fn write_chunk(&mut self, pace: &impl Pace) -> Result<(), CleanError> {
        let position = self.next_block * BLOCK_BYTES as u64;
        let bytes = aligned(&self.chunk);
        self.next_block += (bytes.len() / BLOCK_BYTES) as u64;
        self.chunk.clear();
        let moved = bytes.len() as u64;
        let written = self.file.write_at(position, vec![bytes]).await;
        written.map_err(CleanError::io(&self.path))?;
        pace.moved(moved).await
    }

    /// Writes what is left, and the header, without which the file is none.
    pub async fn finish(mut self, facts: KeyFacts, pace: &impl Pace) -> Result<(), CleanError> {
        if !self.block.is_empty() {
            self.end_block();
        }
        if !self.chunk.is_empty() {
            self.write_chunk(pace).await?;
        }
        let header = Header {
            base_offset: self.id.base_offset,
            segment_bytes: self.id.segment_bytes,
            next_offset: self.id.next_offset,
            entries_count: self.entries_count,
            facts,
        };
        let payload = rkyv::to_bytes::<rkyv::rancor::Error>(&header);
        let payload = payload.map_err(|e| CleanError::io(&self.path)(io::Error::other(e)))?;
        let mut block = envelope::seal(MAGIC, &payload).to_vec();
        block.resize(BLOCK_BYTES, 0);
        let written = self.file.write_at(0, vec![aligned(&block)]).await;
        written.map_err(CleanError::io(&self.path))
    }
}

/// A copy that direct I/O takes.
pub(super) fn aligned(bytes: &[u8]) -> Bytes {
    let mut out = Aligned::new(bytes.len());
    out.copy_from_slice(bytes);
    out.freeze()
}
