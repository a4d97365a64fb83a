//! The newest bytes of a log, in memory: what is not written yet, and what was written
//! last, for the readers at the end.
//!
//! The tail is a sequence of chunks without a gap. A chunk belongs to one segment and begins at
//! a whole block of it; only the last chunk is not full. A chunk may go once it is written.

use std::collections::VecDeque;
use std::rc::Rc;

use bytes::Bytes;

use super::TailBudget;
use super::place::Place;
use naru_runtime::{Aligned, BLOCK_BYTES, Chunk};

const BLOCK: u64 = BLOCK_BYTES as u64;
const CHUNK_BYTES_MIN: usize = BLOCK_BYTES;
const CHUNK_BYTES_MAX: usize = 1 << 20;
/// Written bytes that a busy log keeps for its readers while memory is not scarce.
const CACHE_BYTES_MAX: u64 = 4 << 20;

pub(super) struct Tail {
    pieces: VecDeque<Piece>,
    budget: Rc<TailBudget>,
    next_chunk_bytes: usize,
}

struct Piece {
    segment: i64,
    start: u64,
    chunk: Chunk,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.chunk.filled() as u64
    }
}

impl Tail {
    /// What the logs of the shard share.
    pub fn budget(&self) -> &TailBudget {
        &self.budget
    }

    pub fn new(budget: Rc<TailBudget>) -> Self {
        Self {
            pieces: VecDeque::new(),
            budget,
            next_chunk_bytes: CHUNK_BYTES_MIN,
        }
    }

    /// Begins in the middle of a segment: `block` is what its last, partial block holds.
    pub fn resume(&mut self, place: Place, block: &[u8]) {
        debug_assert_eq!(place.position % BLOCK, block.len() as u64);
        self.add_chunk(place.segment, place.position - block.len() as u64, 0);
        if let Some(piece) = self.pieces.back_mut() {
            piece.chunk.append(block);
        }
    }

    /// Puts `data` at `place`, which is after all that is here.
    pub fn append(&mut self, place: Place, mut data: &[u8]) {
        let mut position = place.position;
        while !data.is_empty() {
            let fits = self.pieces.back().is_some_and(|piece| {
                piece.segment == place.segment && piece.end() == position && piece.chunk.room() > 0
            });
            if !fits {
                self.add_chunk(place.segment, position, data.len());
            }
            let Some(piece) = self.pieces.back_mut() else {
                return;
            };
            let (now, later) = data.split_at(data.len().min(piece.chunk.room()));
            piece.chunk.append(now);
            position += now.len() as u64;
            data = later;
        }
    }

    fn add_chunk(&mut self, segment: i64, start: u64, wanted: usize) {
        debug_assert_eq!(start % BLOCK, 0);
        // Up to an eighth of what is free: many busy logs get small chunks each.
        let allowed = (self.budget.free_bytes() / 8).next_power_of_two() / 2;
        let capacity = wanted
            .next_power_of_two()
            .max(self.next_chunk_bytes)
            .min(allowed)
            .clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX);
        self.next_chunk_bytes = (capacity * 2).min(CHUNK_BYTES_MAX);
        let chunk = Chunk::new(capacity);
        self.budget.take(chunk.capacity());
        self.pieces.push_back(Piece {
            segment,
            start,
            chunk,
        });
    }

    /// What is to be written for `from..to` (one segment): whole blocks, the last one
    /// filled up with zeros, and the position of the first.
    pub fn blocks(&self, from: Place, to: u64) -> (u64, Vec<Bytes>) {
        let first = from.position / BLOCK * BLOCK;
        let whole = to / BLOCK * BLOCK;
        let mut out = self.slices(from.segment, first, whole.max(first));
        if whole < to {
            let mut block = Aligned::new(BLOCK_BYTES);
            let mut filled = 0;
            for part in self.slices(from.segment, whole.max(first), to) {
                block[filled..filled + part.len()].copy_from_slice(&part);
                filled += part.len();
            }
            block[filled..].fill(0);
            out.push(block.freeze());
        }
        (first, out)
    }

    /// The bytes `from..to` of a segment, if all of them are here.
    pub fn read(&self, segment: i64, from: u64, to: u64) -> Option<Vec<Bytes>> {
        let starts_here = self
            .pieces
            .iter()
            .any(|p| p.segment == segment && p.start <= from && from < p.end());
        starts_here.then(|| self.slices(segment, from, to))
    }

    fn slices(&self, segment: i64, from: u64, to: u64) -> Vec<Bytes> {
        let overlapping = self.pieces.iter().filter_map(|piece| {
            let start = from.max(piece.start);
            let end = to.min(piece.end());
            (piece.segment == segment && start < end).then(|| {
                let at = |position: u64| (position - piece.start) as usize;
                piece.chunk.slice(at(start)..at(end))
            })
        });
        overlapping.collect()
    }

    /// Lets go of chunks that are written, but for the newest few; of all, when `is_idle`.
    pub fn trim(&mut self, written: Place, is_idle: bool) {
        let keep = if is_idle || self.budget.is_scarce() {
            0
        } else {
            CACHE_BYTES_MAX
        };
        while self.pieces.len() > 1 {
            let Some(oldest) = self.pieces.front() else {
                return;
            };
            let cached: u64 = self
                .pieces
                .iter()
                .skip(1)
                .map(|p| p.chunk.filled() as u64)
                .sum();
            let is_written = Place {
                segment: oldest.segment,
                position: oldest.end(),
            } <= written;
            if !is_written || cached < keep {
                return;
            }
            self.drop_oldest();
        }
        if is_idle {
            self.next_chunk_bytes = CHUNK_BYTES_MIN;
            self.shrink_last(written);
        }
    }

    /// Forgets what is of segments before this one, which are written: their bytes are going to
    /// be others.
    pub fn forget_before(&mut self, segment: i64) {
        while self
            .pieces
            .front()
            .is_some_and(|oldest| oldest.segment < segment)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(piece) = self.pieces.pop_front() {
            self.budget.give_back(piece.chunk.capacity());
        }
    }

    /// Exchanges a large last chunk for one that holds its partial block only.
    fn shrink_last(&mut self, written: Place) {
        let Some(last) = self.pieces.back() else {
            return;
        };
        let end = Place {
            segment: last.segment,
            position: last.end(),
        };
        if end != written || last.chunk.capacity() <= CHUNK_BYTES_MIN {
            return;
        }
        let partial = self.slices(end.segment, end.position / BLOCK * BLOCK, end.position);
        self.drop_oldest();
        match partial.first() {
            Some(block) => self.resume(end, block),
            None => self.pieces.clear(),
        }
    }

    /// Forgets everything: the segment is sealed, or the log is cut.
    pub fn clear(&mut self) {
        while !self.pieces.is_empty() {
            self.drop_oldest();
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.clear();
    }
}
