//! Reading: from the batch that holds an offset, up to what is flushed.

use std::rc::Rc;

use bytes::Bytes;
use naru_record_batch::{BatchHeader, HEADER_BYTES};

use super::place::Place;
use super::{Log, ReadError};
use crate::index::{Index, SegmentIndex};
use crate::recovery::scan;
use crate::segment::{index_path, segment_path};
use naru_runtime::Env;

/// A batch that was found: its header, and where it begins.
pub(super) struct FoundBatch {
    pub header: BatchHeader,
    pub place: Place,
    /// Where the readable part of its segment ends, in bytes.
    pub segment_end: u64,
}

impl<E: Env> Log<E> {
    /// Whole batches from the one that holds `from` on, of at most `bytes_max` together,
    /// none beyond what is flushed. With `at_least_one` the first batch comes even if it
    /// is larger (KIP-74). Empty at the end of what is flushed.
    pub async fn read(
        &self,
        from: i64,
        bytes_max: usize,
        at_least_one: bool,
    ) -> Result<Vec<Bytes>, ReadError> {
        let Some(first) = self.find_batch(from).await? else {
            return Ok(Vec::new());
        };
        let first_bytes = first.header.size_bytes() as u64;
        if first_bytes > bytes_max as u64 && !at_least_one {
            return Ok(Vec::new());
        }
        let Place { segment, position } = first.place;
        let end = first
            .segment_end
            .min(position + first_bytes.max(bytes_max as u64));
        let bytes = self.bytes(segment, position, end).await?;
        let kept = self.end_of_last_batch(&bytes, first.place, end);
        if kept.segment_end < first.segment_end {
            self.state().readers.remember_read_end(
                kept.next_offset,
                Place {
                    segment,
                    position: kept.segment_end,
                },
            );
        }
        Ok(cut(bytes, (kept.segment_end - position) as usize))
    }

    /// The batch that holds `offset`, if it is flushed.
    pub(super) async fn find_batch(&self, offset: i64) -> Result<Option<FoundBatch>, ReadError> {
        let (segment, segment_end, known) = {
            let state = self.state();
            let (start, end) = (state.start_offset(), state.end_offset());
            if offset < start || offset > end {
                return Err(ReadError::OffsetOutOfRange { offset, start, end });
            }
            if offset >= state.durability().flushed().next_offset {
                return Ok(None);
            }
            let Some(Place { segment, .. }) = state.segments().segment_of(offset) else {
                return Ok(None);
            };
            let end = state.readable_end(segment);
            (segment, end, state.readers.read_end(offset))
        };
        let mut position = match known.filter(|place| place.segment == segment) {
            Some(place) => place.position,
            None => self.index_of(segment).await?.position_for_offset(offset),
        };
        loop {
            let place = Place { segment, position };
            let header = self.header_at(place, segment_end).await?;
            if header.next_offset() > offset {
                return Ok(Some(FoundBatch {
                    header,
                    place,
                    segment_end,
                }));
            }
            position += header.size_bytes() as u64;
        }
    }

    /// The header of the batch that begins at `place`.
    pub(super) async fn header_at(
        &self,
        place: Place,
        segment_end: u64,
    ) -> Result<BatchHeader, ReadError> {
        let Place { segment, position } = place;
        let end = (position + HEADER_BYTES as u64).min(segment_end);
        let bytes = self.bytes(segment, position, end).await?;
        header_in(&bytes, 0).ok_or_else(|| ReadError::Damaged {
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
        let bytes = self.read_file(segment, from, to).await?;
        let segment_end = {
            let state = self.state();
            let sealed = state.segments().sealed(segment).map(|s| s.size_bytes());
            sealed.unwrap_or(state.durability().flushed().place.position)
        };
        if to - from > HEADER_BYTES as u64 {
            self.read_ahead(segment, to, segment_end);
        }
        Ok(bytes)
    }

    /// The index of a segment; of a sealed one it is loaded, or built again.
    pub(super) async fn index_of(&self, segment: i64) -> Result<Rc<Index>, ReadError> {
        let sealed = {
            let state = self.state();
            if let Some(unsealed) = state.segments().unsealed(segment) {
                return Ok(Rc::new(unsealed.index().clone()));
            }
            match state.segments().sealed(segment) {
                Some(sealed) => match sealed.index() {
                    Some(index) => return Ok(Rc::clone(index)),
                    None => Some(sealed.size_bytes()),
                },
                None => None,
            }
        };
        let Some(size_bytes) = sealed else {
            return Ok(Rc::default());
        };
        let index = self.load_index(segment, size_bytes).await;
        let index = Rc::new(index.map_err(|cause| ReadError::Io {
            path: segment_path(&self.0.dir, segment),
            cause: cause.to_string().into(),
        })?);
        let mut state = self.state();
        if let Some(sealed) = state.segments_mut().sealed_mut(segment) {
            sealed.keep_index(Rc::clone(&index));
        }
        Ok(index)
    }

    async fn load_index(&self, segment: i64, size_bytes: u64) -> std::io::Result<Index> {
        let path = index_path(&self.0.dir, segment);
        if let Ok(content) = naru_runtime::read_file(&self.0.env, &path).await
            && let Some(found) = SegmentIndex::decode(&content, size_bytes)
        {
            return Ok(found.index);
        }
        let path = segment_path(&self.0.dir, segment);
        let file = self.0.env.open(&path, naru_runtime::Open::Direct).await?;
        let mut built = SegmentIndex {
            index: Index::default(),
            segment_bytes: size_bytes,
            max_timestamp_ms: i64::MIN,
            next_offset: segment,
        };
        let end = scan(&file, size_bytes, 0, segment, |header, position| {
            built.index.note(header, position, built.max_timestamp_ms);
            built.max_timestamp_ms = built.max_timestamp_ms.max(header.max_timestamp_ms);
        })
        .await?;
        built.next_offset = end.next_offset;
        // Of a damaged segment it would hide the damage from the next recovery.
        if end.position == size_bytes {
            self.write_index(segment, &built).await;
        }
        Ok(built.index)
    }

    /// Where the last whole batch in `bytes` ends, which begin at `start` with a batch.
    fn end_of_last_batch(&self, bytes: &[Bytes], start: Place, end: u64) -> LastBatch {
        // Begin at the last index entry within; the first batch is known to be whole.
        let hint = {
            let state = self.state();
            let unsealed = state.segments().unsealed(start.segment);
            let sealed = state.segments().sealed(start.segment);
            let index = unsealed
                .map(|s| s.index())
                .or(sealed.and_then(|s| s.index().map(|index| &**index)));
            index.map_or(0, |index| index.batch_start_before(end.saturating_sub(1)))
        };
        let mut position = hint.max(start.position);
        let mut last = None;
        loop {
            let header = header_in(bytes, (position - start.position) as usize);
            match header {
                Some(header) if position + header.size_bytes() as u64 <= end => {
                    position += header.size_bytes() as u64;
                    last = Some(header.next_offset());
                }
                _ => break,
            }
        }
        match last {
            Some(next_offset) => LastBatch {
                segment_end: position,
                next_offset,
            },
            // The hint was a batch that is not whole: what is before it is.
            None => LastBatch {
                segment_end: position,
                next_offset: header_in(bytes, (position - start.position) as usize)
                    .map_or(i64::MAX, |header| header.base_offset),
            },
        }
    }
}

struct LastBatch {
    segment_end: u64,
    next_offset: i64,
}

/// The header at byte `at` of a row of pieces, if it is there whole.
fn header_in(pieces: &[Bytes], at: usize) -> Option<BatchHeader> {
    let mut header = [0; HEADER_BYTES];
    let mut filled = 0;
    let mut skip = at;
    for piece in pieces {
        if skip >= piece.len() {
            skip -= piece.len();
            continue;
        }
        let part = &piece[skip..];
        skip = 0;
        let taken = part.len().min(HEADER_BYTES - filled);
        header[filled..filled + taken].copy_from_slice(&part[..taken]);
        filled += taken;
        if filled == HEADER_BYTES {
            return BatchHeader::parse(&header).ok();
        }
    }
    None
}

/// The first `length` bytes of a row of pieces.
fn cut(mut pieces: Vec<Bytes>, length: usize) -> Vec<Bytes> {
    let mut left = length;
    pieces.retain_mut(|piece| {
        piece.truncate(left);
        left -= piece.len();
        !piece.is_empty()
    });
    pieces
}
