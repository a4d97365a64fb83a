//! The bytes of a log file: its header and its frames, in both versions; drawn in the room's docs.

use bytes::Bytes;

use super::command::Command;
use super::command_log::EntryId;
use super::stored::{Reader, UnknownRecord, Unreadable, Writer};
use super::stored::{decode_commands, decode_commands_v1, encode_commands};

pub(super) const HEADER_BYTES: usize = 32;
/// What is written; older ones are read.
pub(super) const VERSION: u32 = 2;
/// Frames of rkyv's archives of whatever the live types were.
pub(super) const VERSION_ARCHIVED: u32 = 1;

const MAGIC: &[u8; 8] = b"NARUMETA";
const FRAME_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES_V1: usize = 16;

/// Entries that are groups of commands. Numbers 1 (vote), 2 (blank), 3 (membership) and 5
/// (truncation) are kept for a quorum of several nodes.
const KIND_COMMANDS: u16 = 4;

/// The most bytes of commands in one frame. A batch of the largest topics stays far below.
const FRAME_PAYLOAD_BYTES_MAX: usize = 256 << 20;

/// Commands that one flush made durable.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub entry: EntryId,
    /// The index of the first command; the others follow it.
    pub command_index: u64,
    pub commands: Vec<Command>,
}

/// What a file's header says, once it has passed the checks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Header {
    Good { version: u32 },
    NewerVersion { found: u32 },
    Bad(&'static str),
}

pub(super) fn header(version: u32, first_index: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..12].copy_from_slice(&version.to_le_bytes());
    header[16..24].copy_from_slice(&first_index.to_le_bytes());
    let crc = crc32fast::hash(&header[..24]);
    header[24..28].copy_from_slice(&crc.to_le_bytes());
    header
}

/// A log file gets its name when its header is durable: a bad header is never a torn write.
pub(super) fn check_header(bytes: &[u8], first_index: u64) -> Header {
    let (Some(magic), Some(version)) = (bytes.get(..8), u32_at(bytes, 8)) else {
        return Header::Bad("the header is cut short");
    };
    if magic != MAGIC {
        return Header::Bad("this is not a log of cluster metadata");
    }
    if version > VERSION {
        return Header::NewerVersion { found: version };
    }
    if version == 0 || bytes.get(..HEADER_BYTES) != Some(&header(version, first_index)) {
        return Header::Bad("the header does not fit its checksum or the file's name");
    }
    Header::Good { version }
}

/// The frame of one entry. `None` if the commands are more than one frame takes.
pub(super) fn encode(entry: EntryId, command_index: u64, commands: &[Command]) -> Option<Bytes> {
    assert!(!commands.is_empty(), "an entry has commands");
    let commands = encode_commands(commands);
    let payload_bytes = commands.len() + size_of::<u64>();
    let length = u32::try_from(payload_bytes).ok();
    let length = length.filter(|_| payload_bytes <= FRAME_PAYLOAD_BYTES_MAX)?;
    let mut frame = Writer::default();
    frame.u32(length);
    frame.u32(0);
    frame.u16(KIND_COMMANDS);
    frame.u16(0);
    frame.u32(0);
    frame.u64(entry.term);
    frame.u64(entry.index);
    frame.u64(command_index);
    let mut frame = frame.into_bytes();
    frame.extend_from_slice(&commands);
    let crc = crc(&frame)?;
    frame.get_mut(4..8)?.copy_from_slice(&crc.to_le_bytes());
    Some(frame.into())
}

/// Over the whole frame without its checksum.
fn crc(frame: &[u8]) -> Option<u32> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(frame.get(..4)?);
    hasher.update(frame.get(8..)?);
    Some(hasher.finalize())
}

/// A frame whose checksum holds, so that it is what was once written.
pub(super) struct Whole<'a> {
    pub end: usize,
    pub index: u64,
    frame: &'a [u8],
}

/// The frame at `at`, if its index is acceptable and its checksum holds.
pub(super) fn whole(
    version: u32,
    bytes: &[u8],
    at: usize,
    index_fits: impl Fn(u64) -> bool,
) -> Option<Whole<'_>> {
    let (header_bytes, index_at) = match version {
        VERSION_ARCHIVED => (FRAME_HEADER_BYTES_V1, 8),
        _ => (FRAME_HEADER_BYTES, 24),
    };
    let length = u32_at(bytes, at)?;
    let index = u64_at(bytes, at.checked_add(index_at)?)?;
    // A short cut for the search through damaged bytes: most positions end here.
    if length == 0 || !index_fits(index) {
        return None;
    }
    let length = usize::try_from(length).ok()?.checked_add(header_bytes)?;
    let end = at.checked_add(length)?;
    let frame = bytes.get(at..end)?;
    let is_good = crc(frame) == u32_at(frame, 4);
    is_good.then_some(Whole { end, index, frame })
}

impl Whole<'_> {
    /// What the frame says. As its checksum holds, whatever does not decode is no torn write.
    pub fn decode(&self, version: u32) -> Result<Frame, Unreadable> {
        let frame = match version {
            VERSION_ARCHIVED => self.decode_v1()?,
            _ => self.decode_v2()?,
        };
        if frame.commands.is_empty() {
            let reason = "an entry without a command";
            return Err(Unreadable::Inconsistent(reason.to_owned()));
        }
        Ok(frame)
    }

    /// Version 1 knew no entries: a command's index was its place in the log.
    fn decode_v1(&self) -> Result<Frame, Unreadable> {
        let payload = self.frame.get(FRAME_HEADER_BYTES_V1..).unwrap_or_default();
        let commands = decode_commands_v1(payload).map_err(Unreadable::Inconsistent)?;
        let last = self.index.saturating_add(commands.len() as u64) - 1;
        Ok(Frame {
            entry: EntryId {
                term: EntryId::SINGLE_NODE_TERM,
                index: last,
            },
            command_index: self.index,
            commands,
        })
    }

    fn decode_v2(&self) -> Result<Frame, Unreadable> {
        const WHAT: &str = "entry";
        let malformed = || Unreadable::malformed(WHAT);
        let mut reader = Reader::new(self.frame.get(8..).unwrap_or_default());
        let kind = reader.u16().map_err(malformed())?;
        if kind != KIND_COMMANDS {
            return Err(UnknownRecord::Kind {
                what: WHAT,
                kind,
                version: 1,
                newest_kind: KIND_COMMANDS,
            }
            .into());
        }
        // Reserved.
        reader.u16().map_err(malformed())?;
        reader.u32().map_err(malformed())?;
        let term = reader.u64().map_err(malformed())?;
        let index = reader.u64().map_err(malformed())?;
        let command_index = reader.u64().map_err(malformed())?;
        Ok(Frame {
            entry: EntryId { term, index },
            command_index,
            commands: decode_commands(reader.rest())?,
        })
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let eight = bytes.get(at..at.checked_add(8)?)?;
    Some(u64::from_le_bytes(eight.try_into().ok()?))
}
