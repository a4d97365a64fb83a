//! [`Encoder`]: writes fields into a rope of byte slices, ready for one vectored send.
//!
//! Small fields gather in one growing buffer; a payload of [`BY_REFERENCE_BYTES_MIN`] or more is
//! kept by reference, as a piece of its own between two pieces of that buffer. The pieces of the
//! buffer share its allocation, so a fetch answer of many partitions costs a few allocations, not
//! one per partition.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

use crate::{EncodeError, ErrorCode};

/// Below this a copy is cheaper than another element of the vectored send.
pub const BY_REFERENCE_BYTES_MIN: usize = 1024;

/// Room for the length that [`Encoder::finish_frame`] fills in.
const LENGTH_PREFIX_BYTES: usize = 4;
const BUFFER_BYTES: usize = 1024;

/// Errors that a message tells of, each with how often.
pub type ErrorCounts = Vec<(ErrorCode, u32)>;

/// Collects one message, or several one after the other.
#[derive(Debug)]
pub struct Encoder {
    /// What precedes the first piece kept by reference. Stays writable for the sake of the length
    /// prefix.
    head: Option<BytesMut>,
    pieces: Vec<Bytes>,
    pieces_len: usize,
    buffer: BytesMut,
    /// Those written so far.
    errors: ErrorCounts,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    pub fn new() -> Self {
        let mut buffer = BytesMut::with_capacity(BUFFER_BYTES);
        buffer.put_bytes(0, LENGTH_PREFIX_BYTES);
        Self {
            head: None,
            pieces: Vec::new(),
            pieces_len: 0,
            buffer,
            errors: Vec::new(),
        }
    }

    /// Bytes written so far.
    pub fn len(&self) -> usize {
        let head_len = self.head.as_ref().map_or(0, BytesMut::len);
        head_len + self.pieces_len + self.buffer.len() - LENGTH_PREFIX_BYTES
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn put_i8(&mut self, value: i8) {
        self.buffer.put_i8(value);
    }

    pub fn put_i16(&mut self, value: i16) {
        self.buffer.put_i16(value);
    }

    /// An error code; those that are errors are counted.
    pub fn put_error_code(&mut self, error: ErrorCode) {
        self.put_i16(error.code());
        if !error.is_none() {
            self.note(error);
        }
    }

    /// A message has few kinds of errors, most have none.
    #[cold]
    fn note(&mut self, error: ErrorCode) {
        match self.errors.iter_mut().find(|(known, _)| *known == error) {
            Some((_, count)) => *count += 1,
            None => self.errors.push((error, 1)),
        }
    }

    /// The errors written since the last call.
    pub fn take_errors(&mut self) -> ErrorCounts {
        std::mem::take(&mut self.errors)
    }

    pub fn put_u16(&mut self, value: u16) {
        self.buffer.put_u16(value);
    }

    pub fn put_i32(&mut self, value: i32) {
        self.buffer.put_i32(value);
    }

    pub fn put_i64(&mut self, value: i64) {
        self.buffer.put_i64(value);
    }

    pub fn put_f64(&mut self, value: f64) {
        self.buffer.put_f64(value);
    }

    pub fn put_uuid(&mut self, value: Uuid) {
        self.buffer.put_slice(value.as_bytes());
    }

    /// UNSIGNED_VARINT: seven bits a byte, low bits first.
    pub fn put_unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value as u8);
    }

    /// Copies `bytes` in.
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.buffer.put_slice(bytes);
    }

    /// Takes `bytes` in without a copy, unless they are few.
    pub fn put_slice_ref(&mut self, bytes: Bytes) {
        if bytes.len() < BY_REFERENCE_BYTES_MIN {
            return self.buffer.put_slice(&bytes);
        }
        self.cut();
        self.pieces_len += bytes.len();
        self.pieces.push(bytes);
    }

    /// Makes a piece of what the buffer holds.
    fn cut(&mut self) {
        let written = self.buffer.split();
        if self.head.is_none() {
            self.head = Some(written);
        } else if !written.is_empty() {
            self.pieces_len += written.len();
            self.pieces.push(written.freeze());
        }
    }

    /// Length of a string (`None` for null).
    pub(crate) fn put_string_len(
        &mut self,
        len: Option<usize>,
        compact: bool,
    ) -> Result<(), EncodeError> {
        let short = match len {
            None => -1,
            Some(len) => i16::try_from(len).map_err(|_| EncodeError::StringTooLong(len))?,
        };
        if compact {
            self.put_len(len, compact)?;
        } else {
            self.put_i16(short);
        }
        Ok(())
    }

    /// Length of a byte field or count of an array (`None` for null).
    pub(crate) fn put_len(&mut self, len: Option<usize>, compact: bool) -> Result<(), EncodeError> {
        let signed = match len {
            None => -1,
            Some(len) => i32::try_from(len).map_err(|_| EncodeError::TooLarge(len))?,
        };
        if compact {
            self.put_unsigned_varint(signed.wrapping_add(1) as u32);
        } else {
            self.put_i32(signed);
        }
        Ok(())
    }

    /// The pieces, without a length prefix.
    pub fn finish(mut self) -> Vec<Bytes> {
        self.cut();
        let head = self.head.unwrap_or_default().freeze();
        let mut pieces = Vec::with_capacity(1 + self.pieces.len());
        pieces.push(head.slice(LENGTH_PREFIX_BYTES.min(head.len())..));
        pieces.append(&mut self.pieces);
        pieces
    }

    /// The pieces of a whole frame: the INT32 length of the rest stands in front.
    pub fn finish_frame(mut self) -> Result<Vec<Bytes>, EncodeError> {
        let len = self.len();
        let prefix = i32::try_from(len)
            .map_err(|_| EncodeError::TooLarge(len))?
            .to_be_bytes();
        self.cut();
        let mut head = self.head.unwrap_or_default();
        for (slot, byte) in head.iter_mut().zip(prefix) {
            *slot = byte;
        }
        let mut pieces = Vec::with_capacity(1 + self.pieces.len());
        pieces.push(head.freeze());
        pieces.append(&mut self.pieces);
        Ok(pieces)
    }
}
