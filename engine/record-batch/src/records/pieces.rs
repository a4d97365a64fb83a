//! The records of a batch of any codec, one after the other, in pieces: for whoever looks at
//! keys, or copies records, and must not hold one whole. A record may be a gigabyte of zeros
//! that came in a megabyte.

use super::RecordError;
use super::read::{front, nullable_len};
use super::source::{Source, StreamSource};
use super::varint::len_bytes;
use crate::BatchHeader;
use crate::compression::{Codec, Decoder};

/// What a record begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordFront {
    /// Added to the batch's base timestamp, in ms.
    pub timestamp_delta_ms: i64,
    /// Added to the batch's base offset.
    pub offset_delta: i32,
}

impl RecordFront {
    /// What it takes within the record, with the attributes before it, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        1 + len_bytes(self.timestamp_delta_ms) + len_bytes(i64::from(self.offset_delta))
    }
}

/// Reads records in turn: [`Self::enter`] one, then its [`Self::key`] and whether it
/// [`Self::has_value`], or its [`Self::rest`]. What is not read of a record is passed over.
pub struct RecordPieces<B: AsRef<[u8]>> {
    source: StreamSource<B>,
    is_within: bool,
}

impl<B: AsRef<[u8]>> RecordPieces<B> {
    /// The records in `payload`, which is what a batch holds after its header.
    ///
    /// # Errors
    /// When the codec is not known, or the payload cannot be of it.
    pub fn open(header: &BatchHeader, payload: B) -> Result<Self, RecordError> {
        let codec = Codec::of(header.attributes).map_err(|_| RecordError::Payload)?;
        let decoder = Decoder::open(codec, payload, usize::MAX);
        Ok(Self {
            source: StreamSource::new(decoder.map_err(|_| RecordError::Payload)?),
            is_within: false,
        })
    }

    /// What was decompressed so far, in bytes.
    pub fn produced_bytes(&self) -> usize {
        self.source.produced_bytes()
    }

    /// Enters the next record; `None` after the last.
    pub fn enter(&mut self) -> Result<Option<RecordFront>, RecordError> {
        if self.is_within {
            self.rest(|_| Ok(()))?;
        }
        if self.source.is_at_end()? {
            return Ok(None);
        }
        let (timestamp_delta_ms, offset_delta) = front(&mut self.source)?;
        self.is_within = true;
        Ok(Some(RecordFront {
            timestamp_delta_ms,
            offset_delta,
        }))
    }

    /// Gives the key of the entered record to `each`, in pieces; false if it is null.
    pub fn key(&mut self, mut each: impl FnMut(&[u8])) -> Result<bool, RecordError> {
        let Some(mut left) = nullable_len(&mut self.source)? else {
            return Ok(false);
        };
        while left > 0 {
            let chunk = self.source.chunk(left)?;
            each(chunk);
            left -= chunk.len();
        }
        Ok(true)
    }

    /// Whether the entered record, of which the key was read, has a value: without one it is
    /// a tombstone.
    pub fn has_value(&mut self) -> Result<bool, RecordError> {
        Ok(nullable_len(&mut self.source)?.is_some())
    }

    /// Bytes of the entered record that were not read yet.
    pub(crate) fn left_bytes(&self) -> usize {
        self.source.left()
    }

    /// Gives what was not read of the entered record to `each`, and leaves it.
    pub fn rest(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        while self.source.left() > 0 {
            each(self.source.chunk(self.source.left())?)?;
        }
        self.source.leave();
        self.is_within = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{BatchBuilder, HEADER_BYTES};

    #[test]
    fn keys_of_any_codec_come_whole_however_large() {
        for codec in Codec::ALL {
            let keys: Vec<Vec<u8>> = (0..5u8).map(|n| vec![n; usize::from(n) * 17_000]).collect();
            let mut builder = BatchBuilder::new(codec);
            for (number, key) in keys.iter().enumerate() {
                let value = (number != 2).then_some(&b"value"[..]);
                builder.push_pair(number as i64, Some(key), value);
            }
            builder.push_pair(9, None, Some(b"without a key"));
            let batch = builder.build().unwrap();
            let header = BatchHeader::parse(&batch).unwrap();
            let mut records = RecordPieces::open(&header, &batch[HEADER_BYTES..]).unwrap();
            for (number, expected) in keys.iter().enumerate() {
                let front = records.enter().unwrap().unwrap();
                assert_eq!(front.offset_delta as usize, number);
                assert_eq!(front.timestamp_delta_ms, number as i64);
                let mut key = Vec::new();
                assert!(records.key(|piece| key.extend_from_slice(piece)).unwrap());
                assert!(key == *expected, "{codec}, key {number}");
                assert_eq!(records.has_value().unwrap(), number != 2);
            }
            assert!(records.enter().unwrap().is_some());
            assert!(!records.key(|_| {}).unwrap());
            assert!(records.enter().unwrap().is_none());
        }
    }
}
