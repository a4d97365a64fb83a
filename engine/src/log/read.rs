//! Reading: whole batches, from the one that holds an offset on.
//!
//! Retention, truncation and appends go on while a read waits for the disk. What it goes by
//! is a [`View`] taken at its beginning and looked at again after each wait: of an offset
//! that is no longer in the log the answer is `OffsetOutOfRange`, and after a truncation the
//! read starts again. So a read never mixes two states of the log.

use bytes::Bytes;
use naru_record_batch::BatchHeader;

use super::place::{BatchEnd, Place};
use super::window::Window;
use super::{Log, ReadError};
use crate::segment::segment_path;
use naru_runtime::Env;

/// Headers are looked for in pieces of this size, in bytes: as far apart as index entries are.
const WINDOW_BYTES: u64 = 64 << 10;

/// Whole batches, as they lie in the log.
#[derive(Clone, Debug, Default)]
pub struct ReadBatches {
    pub slices: Vec<Bytes>,
    /// The offset after the last of them; of no meaning where there is none.
    pub next_offset: i64,
}

/// What a read goes by.
#[derive(Clone, Copy)]
struct View {
    offset: i64,
    /// No batch that ends above this offset is read.
    up_to: i64,
    /// The segment that holds `offset`.
    segment: i64,
    /// Nothing of the segment is read from here on, in bytes.
    segment_end: u64,
    cuts: u64,
}

/// A batch that was found: its header, and where it begins.
pub(super) struct FoundBatch {
    pub header: BatchHeader,
    pub place: Place,
    /// A reader stopped here before: it reads through.
    is_resumed: bool,
}

/// Why a read did not get to its end.
pub(super) enum Interrupted {
    /// The log was truncated meanwhile: start again.
    Cut,
    Failed(ReadError),
}

impl From<ReadError> for Interrupted {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

impl<E: Env> Log<E> {
    /// As [`Self::read_up_to`], up to what is flushed.
    pub async fn read(
        &self,
        from: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Vec<Bytes>, ReadError> {
        loop {
            let up_to = self.flushed_offset();
            match self.try_read(from, up_to, bytes_max, at_least_one).await {
                Err(Interrupted::Cut) => {}
                Err(Interrupted::Failed(error)) => return Err(error),
                Ok(read) => return Ok(read.slices),
            }
        }
    }

    /// Whole batches from the one that holds `from` on, of at most `bytes_max` bytes
    /// together. None reaches beyond `up_to`, nor beyond what is written: a replica's fetch
    /// reads up to there, a consumer's stops at the high watermark or the last stable offset.
    /// With `at_least_one` the first batch comes even if it is larger than `bytes_max`
    /// (KIP-74). Empty when the batch of `from` ends above `up_to`.
    ///
    /// The batches are of one segment; the next one's come with the next read.
    ///
    /// # Errors
    /// `OffsetOutOfRange` when the log does not hold `from`, be it that retention dropped it
    /// while this was under way.
    pub async fn read_up_to(
        &self,
        from: i64,
        up_to: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Vec<Bytes>, ReadError> {
        let read = self.read_batches(from, up_to, bytes_max, at_least_one);
        Ok(read.await?.slices)
    }

    /// As [`Self::read_up_to`], and tells where they end.
    ///
    /// # Errors
    /// As [`Self::read_up_to`].
    pub async fn read_batches(
        &self,
        from: i64,
        up_to: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<ReadBatches, ReadError> {
        loop {
            match self.try_read(from, up_to, bytes_max, at_least_one).await {
                Err(Interrupted::Cut) => {}
                Err(Interrupted::Failed(error)) => return Err(error),
                Ok(read) => return Ok(read),
            }
        }
    }

    async fn try_read(
        &self,
        from: i64,
        up_to: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<ReadBatches, Interrupted> {
        let Some(view) = self.view(from, up_to)? else {
            return Ok(ReadBatches::default());
        };
        let Some(first) = self.try_find(&view).await? else {
            return Ok(ReadBatches::default());
        };
        let first_bytes = first.header.size_bytes() as u64;
        if first_bytes > bytes_max as u64 && !at_least_one {
            return Ok(ReadBatches::default());
        }
        let Place { segment, position } = first.place;
        let first_end = position + first_bytes;
        let end = first_end.max(position.saturating_add(bytes_max as u64));
        let mut end = end.min(view.segment_end);
        let at = |position| Place { segment, position };
        let mut last = BatchEnd {
            next_offset: first.header.next_offset(),
            place: at(first_end),
        };
        if end - position > WINDOW_BYTES && end > first_end {
            let asked = self.ask_index(segment, |index| {
                let end = index
                    .position_from(view.up_to)
                    .map_or(end, |at| at.min(end));
                (end, index.last_before(end))
            });
            let asked = asked.await;
            let (clipped, known) = self.as_seen_by(&view, asked)?;
            end = clipped.max(first_end);
            // What is before a batch that begins before `end` lies whole before it.
            if let Some(entry) = known.filter(|entry| entry.position > first_end) {
                last = BatchEnd {
                    next_offset: entry.offset,
                    place: at(entry.position),
                };
            }
        }
        let in_memory = self.state().tail.read(segment, position, end);
        let slices = match in_memory {
            Some(slices) => slices,
            None => {
                let slices = self.read_file(segment, position, end).await;
                let slices = self.as_seen_by(&view, slices)?;
                if first.is_resumed {
                    self.read_ahead(segment, end, view.segment_end);
                }
                slices
            }
        };
        let window = Window::new(first.place, slices);
        let last = last_batch(&window, last, end, view.up_to);
        let mut state = self.state();
        state
            .readers
            .remember_read_end(last.next_offset, last.place);
        Ok(ReadBatches {
            slices: window.cut_at(last.place.position),
            next_offset: last.next_offset,
        })
    }

    /// The batch that holds `offset`, if it ends at or below `up_to`, and is written.
    pub(super) async fn find_batch(
        &self,
        offset: i64,
        up_to: i64,
    ) -> Result<Option<FoundBatch>, ReadError> {
        loop {
            let Some(view) = self.view(offset, up_to)? else {
                return Ok(None);
            };
            match self.try_find(&view).await {
                Err(Interrupted::Cut) => {}
                Err(Interrupted::Failed(error)) => return Err(error),
                Ok(found) => return Ok(found),
            }
        }
    }

    /// What a read of `offset` goes by; `None` when there is nothing for it below `up_to`.
    fn view(&self, offset: i64, up_to: i64) -> Result<Option<View>, ReadError> {
        let state = self.state();
        let start = state.start_offset();
        let end = state
            .readers
            .cutting()
            .map_or(state.end_offset(), |cut| cut.next_offset);
        if offset < start || offset > end {
            return Err(ReadError::OffsetOutOfRange { offset, start, end });
        }
        let (written, flushed) = (state.readable(), state.durability().flushed());
        let up_to = up_to.min(written.next_offset);
        if offset >= up_to {
            return Ok(None);
        }
        let Some(Place { segment, position }) = state.segments().segment_of(offset) else {
            return Ok(None);
        };
        let is_flushed = up_to == flushed.next_offset;
        let limit = if is_flushed { flushed } else { written };
        assert!(
            segment <= limit.place.segment,
            "offset {offset} below {limit:?} is in segment {segment}"
        );
        let segment_end = if segment == limit.place.segment {
            limit.place.position
        } else {
            position
        };
        Ok(Some(View {
            offset,
            up_to,
            segment,
            segment_end,
            cuts: state.readers.cuts(),
        }))
    }

    /// What a read got by waiting, or why it is worth nothing: a file that is gone, or holds
    /// something else, is no damage if its segment was dropped or cut meanwhile.
    fn as_seen_by<T>(&self, view: &View, got: Result<T, ReadError>) -> Result<T, Interrupted> {
        let state = self.state();
        if view.cuts != state.readers.cuts() {
            return Err(Interrupted::Cut);
        }
        let (start, end) = (state.start_offset(), state.end_offset());
        if view.offset < start {
            let offset = view.offset;
            return Err(ReadError::OffsetOutOfRange { offset, start, end }.into());
        }
        got.map_err(Interrupted::Failed)
    }

    async fn try_find(&self, view: &View) -> Result<Option<FoundBatch>, Interrupted> {
        let segment = view.segment;
        let known = self.state().readers.read_end(view.offset);
        let known = known.filter(|place| place.segment == segment);
        let is_resumed = known.is_some();
        let mut position = match known {
            Some(place) => place.position,
            None if view.offset == segment => 0,
            None => {
                let asked = self.ask_index(segment, |i| i.position_for_offset(view.offset));
                let asked = asked.await;
                self.as_seen_by(view, asked)?
            }
        };
        let mut window = None;
        loop {
            let place = Place { segment, position };
            let header = self.header_at(&mut window, place, view.segment_end).await;
            let header = self.as_seen_by(view, header)?;
            if header.next_offset() > view.offset {
                let is_readable = header.next_offset() <= view.up_to;
                return Ok(is_readable.then_some(FoundBatch {
                    header,
                    place,
                    is_resumed,
                }));
            }
            position += header.size_bytes() as u64;
        }
    }

    /// The header of the batch that begins at `place`: in the window, or in the next one.
    pub(super) async fn header_at(
        &self,
        window: &mut Option<Window>,
        place: Place,
        segment_end: u64,
    ) -> Result<BatchHeader, ReadError> {
        let known = window.as_ref().and_then(|window| window.header_at(place));
        if let Some(header) = known {
            return Ok(header);
        }
        let Place { segment, position } = place;
        let end = (position + WINDOW_BYTES).min(segment_end);
        let bytes = self.bytes(segment, position, end).await?;
        let next = window.insert(Window::new(place, bytes));
        next.header_at(place).ok_or_else(|| ReadError::Damaged {
            path: segment_path(&self.0.dir, segment),
            position,
        })
    }

    /// The bytes `from..to` of a segment: from the tail, or from its file.
    pub(super) async fn bytes(
        &self,
        segment: i64,
        from: u64,
        to: u64,
    ) -> Result<Vec<Bytes>, ReadError> {
        if let Some(bytes) = self.state().tail.read(segment, from, to) {
            return Ok(bytes);
        }
        self.read_file(segment, from, to).await
    }
}

/// From the end of a batch over every one that lies whole before `end` and below `up_to`.
fn last_batch(window: &Window, mut last: BatchEnd, end: u64, up_to: i64) -> BatchEnd {
    while let Some(header) = window.header_at(last.place) {
        let position = last.place.position + header.size_bytes() as u64;
        if position > end || header.next_offset() > up_to {
            break;
        }
        last.place.position = position;
        last.next_offset = header.next_offset();
    }
    last
}
