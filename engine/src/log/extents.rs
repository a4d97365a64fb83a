//! Reading old data: whole extents of a segment file, those of one request together, and the
//! next one before it is asked for. Each is read once for all who want it; see [`super::shelf`].

use std::collections::VecDeque;

use bytes::Bytes;

use super::budget::{EXTENT_BYTES, ExtentId, SegmentId};
use super::shelf::{LoadError, Source};
use super::{Log, ReadError};
use crate::segment::segment_path;
use naru_runtime::{BLOCK_BYTES, Env, File};

/// Extents that are loaded for one request at the same time.
const LOADS_MAX: usize = 8;

impl<E: Env> Log<E> {
    /// The bytes `from..to` of a segment's file, which are written.
    pub(super) async fn read_file(
        &self,
        segment: i64,
        from: u64,
        to: u64,
    ) -> Result<Vec<Bytes>, ReadError> {
        let mut out = Vec::new();
        let mut numbers = from / EXTENT_BYTES..to.div_ceil(EXTENT_BYTES);
        let mut sources = VecDeque::new();
        loop {
            while sources.len() < LOADS_MAX
                && let Some(number) = numbers.next()
            {
                let needed = EXTENT_BYTES.min(to - number * EXTENT_BYTES) as usize;
                sources.push_back((number, needed, self.extent(segment, number, needed)));
            }
            let Some((number, needed, source)) = sources.pop_front() else {
                return Ok(out);
            };
            let start = number * EXTENT_BYTES;
            let bytes = source.get().await;
            let bytes = bytes.map_err(|error| self.cannot_read(segment, error))?;
            if bytes.len() < needed {
                return Err(ReadError::Damaged {
                    path: segment_path(&self.0.dir, segment),
                    position: start + bytes.len() as u64,
                });
            }
            out.push(bytes.slice(from.saturating_sub(start) as usize..needed));
        }
    }

    pub(super) fn cannot_read(&self, segment: i64, error: LoadError) -> ReadError {
        ReadError::Io {
            path: segment_path(&self.0.dir, segment),
            cause: error.cause,
        }
    }

    /// Loads the extent after `position`, if there is room and a whole one: for a reader that
    /// reads through.
    pub(super) fn read_ahead(&self, segment: i64, position: u64, segment_end: u64) {
        let number = position / EXTENT_BYTES + 1;
        let id = self.extent_id(segment, number);
        let budget = &self.0.shared.tails;
        let is_worth_it = (number + 1) * EXTENT_BYTES <= segment_end
            && budget.may_read_ahead()
            && !budget.extents.is_known(&id);
        if is_worth_it {
            budget.note_ahead(id);
            drop(self.load_extent(id, EXTENT_BYTES as usize));
        }
    }

    fn extent_id(&self, segment: i64, number: u64) -> ExtentId {
        let segment = SegmentId {
            log: self.0.id,
            base_offset: segment,
        };
        ExtentId { segment, number }
    }

    /// An extent with at least its first `needed` bytes.
    fn extent(&self, segment: i64, number: u64, needed: usize) -> Source<Bytes> {
        let id = self.extent_id(segment, number);
        let budget = &self.0.shared.tails;
        budget.note_asked(id);
        let is_enough = |bytes: &Bytes| bytes.len() >= needed;
        if let Some(known) = budget.extents.find(&id, needed, is_enough) {
            return known;
        }
        // All that there is of it, so that the next reader finds what it needs as well.
        let start = number * EXTENT_BYTES;
        let there = self.state().bytes_on_disk(segment).saturating_sub(start);
        self.load_extent(id, needed.max(there.min(EXTENT_BYTES) as usize))
    }

    /// Reads the first `length` bytes of an extent, in a task of its own: who asked for them
    /// may go away.
    fn load_extent(&self, id: ExtentId, length: usize) -> Source<Bytes> {
        let weight = length.next_multiple_of(BLOCK_BYTES);
        let loading = self.0.shared.tails.extents.begin(id, length, weight);
        self.0.shared.tails.make_room();
        let source = loading.source();
        let log = self.clone();
        self.0.env.spawn(async move {
            let read = async {
                let file = log.file_of(id.segment).await?;
                let bytes = file.read_at(id.number * EXTENT_BYTES, weight).await?;
                // What is after `length` is not written yet.
                Ok(bytes.slice(..bytes.len().min(length)))
            };
            let result = read.await;
            let keep = log.is_kept(id.segment).then_some(weight);
            loading.end(result, keep);
            log.0.shared.tails.make_room();
        });
        source
    }
}

const _: () = assert!(EXTENT_BYTES.is_multiple_of(BLOCK_BYTES as u64));
