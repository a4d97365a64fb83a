//! Where record bytes come from: a slice, or a decompressor that is never held in memory whole.
//!
//! One reader of records serves both. A source knows the bounds of the record that is being read,
//! and gives nothing from after them.

use std::io::Read;

use super::RecordError;
use crate::compression::{CompressionError, Decoder};

pub(crate) trait Source {
    /// What is left of a key or value once it was read.
    type Field;

    /// Whether there is nothing after the records read so far.
    fn is_at_end(&mut self) -> Result<bool, RecordError>;

    fn byte(&mut self) -> Result<u8, RecordError>;

    /// The next `len` bytes of the record; `len` is at most [`Self::left`].
    fn field(&mut self, len: usize) -> Result<Self::Field, RecordError>;

    /// Bounds what is read from here on to a record of `len` bytes.
    fn enter(&mut self, len: usize) -> Result<(), RecordError>;

    /// Bytes of the entered record that were not read yet.
    fn left(&self) -> usize;

    /// Ends the entered record, of which all was read.
    fn leave(&mut self);
}

/// Record bytes in memory.
pub(crate) struct SliceSource<'a> {
    /// Within a record: what is left of it. Else: what is left of all.
    rest: &'a [u8],
    /// Within a record: what comes after it.
    after: &'a [u8],
}

impl<'a> SliceSource<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            after: &[],
        }
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Source for SliceSource<'a> {
    type Field = &'a [u8];

    #[inline]
    fn is_at_end(&mut self) -> Result<bool, RecordError> {
        Ok(self.rest.is_empty())
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, RecordError> {
        let (first, rest) = self.rest.split_first().ok_or(RecordError::Cut)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    fn field(&mut self, len: usize) -> Result<&'a [u8], RecordError> {
        let (field, rest) = self.rest.split_at_checked(len).ok_or(RecordError::Cut)?;
        self.rest = rest;
        Ok(field)
    }

    #[inline]
    fn enter(&mut self, len: usize) -> Result<(), RecordError> {
        let (record, after) = self.rest.split_at_checked(len).ok_or(RecordError::Cut)?;
        self.rest = record;
        self.after = after;
        Ok(())
    }

    #[inline]
    fn left(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn leave(&mut self) {
        self.rest = self.after;
    }
}

/// Record bytes as they leave a decompressor. Keys and values are passed over, not kept.
pub(crate) struct StreamSource<B: AsRef<[u8]>> {
    decoder: Decoder<B>,
    /// All that was decompressed so far, in bytes.
    produced_bytes: usize,
    window: Box<[u8]>,
    at: usize,
    end: usize,
    /// Bytes left of the entered record.
    left: usize,
    /// Why there were no more bytes, if it was not the end.
    failure: Option<CompressionError>,
}

/// What is decompressed in one go.
const WINDOW_BYTES: usize = 16 << 10;

impl<B: AsRef<[u8]>> StreamSource<B> {
    pub(crate) fn new(decoder: Decoder<B>) -> Self {
        Self {
            decoder,
            produced_bytes: 0,
            window: vec![0; WINDOW_BYTES].into_boxed_slice(),
            at: 0,
            end: 0,
            left: usize::MAX,
            failure: None,
        }
    }

    /// The cause of a [`RecordError::Payload`].
    pub(crate) fn take_failure(&mut self) -> Option<CompressionError> {
        self.failure.take()
    }

    pub(crate) fn produced_bytes(&self) -> usize {
        self.produced_bytes
    }

    /// Passes over up to `wanted` bytes of the record, no more than a window; says how many.
    pub(crate) fn pass(&mut self, wanted: usize) -> Result<usize, RecordError> {
        if !self.fill()? {
            return Err(RecordError::Cut);
        }
        let step = wanted.min(self.end - self.at);
        self.at += step;
        Ok(step)
    }

    /// The next bytes of the record, as many as the window has and no more than `wanted`,
    /// which is not 0.
    pub(crate) fn chunk(&mut self, wanted: usize) -> Result<&[u8], RecordError> {
        let step = self.pass(wanted)?;
        self.claim(step)?;
        let passed = self.at - step..self.at;
        self.window.get(passed).ok_or(RecordError::Cut)
    }

    /// Takes `len` bytes off the record, which are passed over later.
    pub(crate) fn claim(&mut self, len: usize) -> Result<(), RecordError> {
        self.left = self.left.checked_sub(len).ok_or(RecordError::Cut)?;
        Ok(())
    }

    /// Makes the window hold unread bytes; false at the end.
    fn fill(&mut self) -> Result<bool, RecordError> {
        if self.at == self.end {
            self.at = 0;
            self.end = 0;
            self.end = self.decoder.read(&mut self.window).map_err(|error| {
                self.failure = Some(self.decoder.explain(error));
                RecordError::Payload
            })?;
            self.produced_bytes += self.end;
        }
        Ok(self.at < self.end)
    }
}

impl<B: AsRef<[u8]>> Source for StreamSource<B> {
    type Field = ();

    fn is_at_end(&mut self) -> Result<bool, RecordError> {
        Ok(!self.fill()?)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, RecordError> {
        if self.left == 0 || !self.fill()? {
            return Err(RecordError::Cut);
        }
        let byte = *self.window.get(self.at).ok_or(RecordError::Cut)?;
        self.at += 1;
        self.left -= 1;
        Ok(byte)
    }

    fn field(&mut self, len: usize) -> Result<(), RecordError> {
        self.claim(len)?;
        let mut wanted = len;
        while wanted > 0 {
            wanted -= self.pass(wanted)?;
        }
        Ok(())
    }

    fn enter(&mut self, len: usize) -> Result<(), RecordError> {
        self.left = len;
        Ok(())
    }

    fn left(&self) -> usize {
        self.left
    }

    fn leave(&mut self) {
        self.left = usize::MAX;
    }
}
