//! A file of commands; the layout is drawn in the room's docs.
//!
//! One frame is one flush. Reading tells a torn tail, which is cut, from corruption, which is an
//! error: behind a torn frame there is nothing that checks out.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rkyv::rancor;
use rkyv::util::AlignedVec;

use super::command::Command;
use super::disk;
use super::error::StorageError;

pub(super) const PREFIX: &str = "log-";

const MAGIC: &[u8; 8] = b"NARUMETA";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 16;

/// The most bytes of commands in one frame. A batch of the largest topics stays far below.
const FRAME_PAYLOAD_BYTES_MAX: usize = 256 << 20;

/// Commands that one flush made durable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The index of the first command.
    pub index: u64,
    pub commands: Vec<Command>,
}

/// A log file open at its end.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// What a log file holds.
#[derive(Debug)]
pub(super) struct Contents {
    pub frames: Vec<Frame>,
    /// Where the last good frame ends.
    good_bytes: usize,
    /// Where the file ends; more than `good_bytes` if a frame was torn.
    file_bytes: usize,
}

impl LogFile {
    /// Creates the file, empty but durable.
    pub fn create(directory: &Path, first_index: u64) -> Result<Self, StorageError> {
        let path = disk::indexed_path(directory, PREFIX, first_index);
        let file = disk::prepare(path.clone(), &[&header(first_index)])?.publish()?;
        Ok(Self {
            path,
            file,
            bytes: HEADER_BYTES as u64,
        })
    }

    /// Opens a file that [`read`] has read, to append to it; cuts a torn tail.
    pub fn reopen(path: &Path, contents: &Contents) -> Result<Self, StorageError> {
        let mut file = File::options()
            .write(true)
            .open(path)
            .map_err(StorageError::io("open", path))?;
        let bytes = contents.good_bytes as u64;
        if contents.is_torn() {
            file.set_len(bytes).map_err(StorageError::io("cut", path))?;
        }
        // After a kill, what was read may be in the page cache only, and it is about to be shown
        // to everyone as the state of the cluster.
        file.sync_all().map_err(StorageError::io("flush", path))?;
        file.seek(SeekFrom::Start(bytes))
            .map_err(StorageError::io("seek in", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            bytes,
        })
    }

    /// Writes one frame and flushes it. After an error nothing is known about the file's end.
    pub fn append(&mut self, index: u64, commands: &Vec<Command>) -> Result<(), StorageError> {
        let frame = encode(index, commands).map_err(|reason| {
            StorageError::corrupt(&self.path, usize::try_from(self.bytes).unwrap_or(0), reason)
        })?;
        self.file
            .write_all(&frame)
            .map_err(StorageError::io("write", &self.path))?;
        self.file
            .sync_data()
            .map_err(StorageError::io("flush", &self.path))?;
        self.bytes += frame.len() as u64;
        Ok(())
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Contents {
    pub fn is_torn(&self) -> bool {
        self.good_bytes < self.file_bytes
    }
}

/// Reads a log file whose name says that it begins with that index.
pub(super) fn read(path: &Path, first_index: u64) -> Result<Contents, StorageError> {
    let bytes = fs::read(path).map_err(StorageError::io("read", path))?;
    check_header(path, &bytes, first_index)?;
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = HEADER_BYTES;
    let mut expected = first_index;
    while at < bytes.len() {
        let Some((payload, end)) = checked_payload(&bytes, at, |index| index == expected) else {
            break;
        };
        // The CRC holds, so this is what was written; if it does not decode, it is no torn write.
        let commands = decode(payload).map_err(|e| StorageError::corrupt(path, at, e))?;
        let index = expected;
        expected = expected.saturating_add(commands.len() as u64);
        frames.push(Frame { index, commands });
        at = end;
    }
    if let Some(behind) = good_frame_behind(&bytes, at, expected) {
        return Err(StorageError::corrupt(
            path,
            at,
            format!("a bad frame, though the one at byte {behind} is good"),
        ));
    }
    Ok(Contents {
        frames,
        good_bytes: at,
        file_bytes: bytes.len(),
    })
}

fn header(first_index: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&VERSION.to_le_bytes());
    header[16..24].copy_from_slice(&first_index.to_le_bytes());
    let crc = crc32fast::hash(&header[..24]);
    header[24..28].copy_from_slice(&crc.to_le_bytes());
    header
}

/// A log file gets its name when its header is durable: a bad header is never a torn write.
fn check_header(path: &Path, bytes: &[u8], first_index: u64) -> Result<(), StorageError> {
    let wrong = |reason| Err(StorageError::corrupt(path, 0, reason));
    let (Some(magic), Some(version)) = (bytes.get(..8), u32_at(bytes, 8)) else {
        return wrong("the header is cut short");
    };
    if magic != MAGIC {
        return wrong("this is not a log of cluster metadata");
    }
    if version > VERSION {
        return Err(StorageError::NewerVersion {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    if bytes.get(..HEADER_BYTES) != Some(&header(first_index)) {
        return wrong("the header does not fit its checksum or the file's name");
    }
    Ok(())
}

fn encode(index: u64, commands: &Vec<Command>) -> Result<Vec<u8>, String> {
    let payload = rkyv::to_bytes::<rancor::Error>(commands).map_err(|e| e.to_string())?;
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|_| payload.len() <= FRAME_PAYLOAD_BYTES_MAX)
        .ok_or_else(|| format!("{} bytes of commands do not fit a frame", payload.len()))?;
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + payload.len());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&frame_crc(length, index, &payload).to_le_bytes());
    frame.extend_from_slice(&index.to_le_bytes());
    frame.extend_from_slice(&payload);
    Ok(frame)
}

fn decode(payload: &[u8]) -> Result<Vec<Command>, String> {
    // rkyv reads in place and needs its alignment.
    let mut aligned = AlignedVec::<16>::with_capacity(payload.len());
    aligned.extend_from_slice(payload);
    let commands = rkyv::from_bytes::<Vec<Command>, rancor::Error>(&aligned)
        .map_err(|e| format!("a frame with a good checksum does not decode: {e}"))?;
    if commands.is_empty() {
        return Err("a frame without a command".into());
    }
    Ok(commands)
}

/// The payload of the frame at `at` and where the frame ends, if its index is acceptable and its
/// checksum holds.
fn checked_payload(
    bytes: &[u8],
    at: usize,
    index_fits: impl Fn(u64) -> bool,
) -> Option<(&[u8], usize)> {
    let length = u32_at(bytes, at)?;
    let crc = u32_at(bytes, at.checked_add(4)?)?;
    let index = u64_at(bytes, at.checked_add(8)?)?;
    let from = at.checked_add(FRAME_HEADER_BYTES)?;
    let end = from.checked_add(usize::try_from(length).ok()?)?;
    // A short cut for the search through damaged bytes: most positions end here.
    if length == 0 || !index_fits(index) {
        return None;
    }
    let payload = bytes.get(from..end)?;
    (frame_crc(length, index, payload) == crc).then_some((payload, end))
}

/// The first position behind `bad` where a later frame begins.
fn good_frame_behind(bytes: &[u8], bad: usize, expected: u64) -> Option<usize> {
    // A command takes more than a byte, so that an index cannot run ahead of the bytes.
    let index_max = expected.saturating_add(bytes.len() as u64);
    (bad.saturating_add(1)..bytes.len()).find(|at| {
        checked_payload(bytes, *at, |index| index > expected && index <= index_max).is_some()
    })
}

fn frame_crc(length: u32, index: u64, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}
