//! What an open log knows of itself.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;

use super::readahead::ReadAheads;
use super::tail::{Place, Tail};
use super::{LogConfig, LogError};
use crate::index::Index;
use crate::segment::Space;

/// How many places of the log where readers stopped are remembered.
const READ_ENDS_MAX: usize = 16;

pub(super) struct State<F> {
    pub config: LogConfig,
    pub start_offset: i64,
    /// The offset of the next record.
    pub end_offset: i64,
    /// Where the written bytes end; may be within a batch.
    pub written: Place,
    /// All below it is written, and where the last of those batches ends.
    pub written_offset: i64,
    pub written_batches: Place,
    /// Where the batches end that are not written yet, oldest first, with their next
    /// offsets.
    pub unwritten: VecDeque<(Place, i64)>,
    /// All below it is flushed, and where the last of those batches ends.
    pub flushed_offset: i64,
    pub flushed: Place,
    /// Sealed segments, oldest first.
    pub sealed: VecDeque<Sealed<F>>,
    /// Segments that were begun, oldest first. The first has the file that is written; the
    /// others wait in the tail until it is sealed. The last takes the appends.
    pub begun: VecDeque<Begun>,
    pub tail: Tail,
    /// The file of the first begun segment, once it is made.
    pub file: Option<F>,
    pub space: Space,
    pub epochs: Vec<(i32, i64)>,
    pub failure: Option<LogError>,
    pub is_writing: bool,
    pub is_flushing: bool,
    /// Somebody waits until everything below is flushed.
    pub flush_wanted: i64,
    /// Readers at the end: while there are any, what is written is flushed unasked.
    pub followers: usize,
    /// Where readers stopped, as (offset, place): the next read begins there.
    pub read_ends: VecDeque<(i64, Place)>,
    pub read_aheads: ReadAheads,
    /// What the last flushed mark said, and the block (of two) that the next one goes to.
    pub marked: Place,
    pub mark_turn: u64,
    pub has_directory: bool,
    /// Appends since the last [`super::Log::rest`].
    pub is_busy: bool,
}

/// A segment that takes no more appends.
pub(super) struct Sealed<F> {
    pub base_offset: i64,
    pub path: PathBuf,
    pub size_bytes: u64,
    pub max_timestamp_ms: i64,
    pub file: Option<F>,
    pub index: Option<Rc<Index>>,
}

/// A segment that is not sealed.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub base_offset: i64,
    /// Where the next batch goes, in bytes.
    pub position: u64,
    /// The offset behind its last record.
    pub end_offset: i64,
    pub max_timestamp_ms: i64,
    pub created_ms: i64,
    pub index: Index,
}

impl Begun {
    pub fn new(base_offset: i64, created_ms: i64) -> Self {
        Self {
            base_offset,
            position: 0,
            end_offset: base_offset,
            max_timestamp_ms: i64::MIN,
            created_ms,
            index: Index::default(),
        }
    }

    pub fn end(&self) -> Place {
        Place {
            segment: self.base_offset,
            position: self.position,
        }
    }
}

impl<F> State<F> {
    pub fn remember_read_end(&mut self, offset: i64, place: Place) {
        if self.read_ends.iter().any(|&(known, _)| known == offset) {
            return;
        }
        if self.read_ends.len() == READ_ENDS_MAX {
            self.read_ends.pop_front();
        }
        self.read_ends.push_back((offset, place));
    }

    /// The segment that holds `offset`, as its base offset and the end of what it holds.
    pub fn segment_of(&self, offset: i64) -> Option<Place> {
        let begun = self
            .begun
            .iter()
            .rev()
            .find(|segment| segment.base_offset <= offset);
        if let Some(segment) = begun {
            return Some(segment.end());
        }
        let after = self.sealed.partition_point(|s| s.base_offset <= offset);
        let sealed = self.sealed.get(after.checked_sub(1)?)?;
        Some(Place {
            segment: sealed.base_offset,
            position: sealed.size_bytes,
        })
    }

    pub fn size_bytes(&self) -> u64 {
        let sealed: u64 = self.sealed.iter().map(|s| s.size_bytes).sum();
        let begun: u64 = self.begun.iter().map(|s| s.position).sum();
        sealed + begun
    }
}
