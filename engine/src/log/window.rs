//! Bytes of a segment as slices that lie one after the other, and the batch headers in them.

use bytes::Bytes;
use naru_record_batch::{BatchHeader, HEADER_BYTES};

use super::place::Place;

/// A part of a segment.
pub(super) struct Window {
    start: Place,
    slices: Vec<Bytes>,
}

impl Window {
    pub fn new(start: Place, slices: Vec<Bytes>) -> Self {
        Self { start, slices }
    }

    /// The header of the batch that begins at `place`; `None` if it is not in here whole, or
    /// is none.
    pub fn header_at(&self, place: Place) -> Option<BatchHeader> {
        if place.segment != self.start.segment {
            return None;
        }
        let skipped = place.position.checked_sub(self.start.position)?;
        let mut skipped = usize::try_from(skipped).ok()?;
        let mut header = [0; HEADER_BYTES];
        let mut filled = 0;
        for slice in &self.slices {
            let Some(part) = slice.get(skipped..) else {
                skipped -= slice.len();
                continue;
            };
            skipped = 0;
            let taken = part.len().min(HEADER_BYTES - filled);
            header[filled..filled + taken].copy_from_slice(&part[..taken]);
            filled += taken;
            if filled == HEADER_BYTES {
                return BatchHeader::parse(&header).ok();
            }
        }
        None
    }

    /// The slices, without what is at `end` or after it.
    pub fn cut_at(mut self, end: u64) -> Vec<Bytes> {
        let mut left = end.saturating_sub(self.start.position) as usize;
        self.slices.retain_mut(|slice| {
            slice.truncate(left);
            left -= slice.len();
            !slice.is_empty()
        });
        self.slices
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use naru_record_batch::{Attributes, MAGIC};

    use super::*;

    #[test]
    fn a_header_is_found_across_slices_and_only_where_it_begins() {
        let header = BatchHeader {
            base_offset: 42,
            batch_length: 49,
            partition_leader_epoch: 3,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes(0),
            last_offset_delta: 0,
            base_timestamp_ms: 5,
            max_timestamp_ms: 5,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            records_count: 1,
        };
        let mut bytes = [9; HEADER_BYTES + 100];
        header.write_to(&mut bytes[100..]);
        let at = |position| Place {
            segment: 7,
            position,
        };
        for cut in 0..bytes.len() {
            let (one, two) = bytes.split_at(cut);
            let slices = vec![Bytes::copy_from_slice(one), Bytes::copy_from_slice(two)];
            let window = Window::new(at(4_000), slices);
            assert_eq!(window.header_at(at(4_100)).unwrap().base_offset, 42);
            assert!(window.header_at(at(3_999)).is_none());
            assert!(window.header_at(at(4_101)).is_none());
            let elsewhere = Place {
                segment: 8,
                position: 4_100,
            };
            assert!(window.header_at(elsewhere).is_none());
            assert_eq!(window.cut_at(4_100).concat(), bytes[..100]);
        }
    }
}
