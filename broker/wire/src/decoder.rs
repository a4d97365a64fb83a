//! [`Decoder`]: reads fields out of one received frame.
//!
//! Invariants: the position never passes the end of the frame; no length or count that a peer
//! declared is believed before it was compared with the bytes that remain; strings and byte fields
//! are slices of the frame, never copies. Nothing here allocates.

use bytes::Bytes;
use uuid::Uuid;

use crate::DecodeError;

/// Kafka's own readers refuse longer strings in every version, though compact lengths could say
/// more.
const STRING_LEN_MAX: usize = i16::MAX as usize;

/// Elements of arrays may take this much memory, and [`ARRAY_BYTES_PER_FRAME_BYTE`] times the frame
/// on top. An empty string is one byte on the wire and 32 in memory: without a budget, a frame of
/// 100 MB could ask for gigabytes and mean it. Real messages stay far below.
const ARRAY_BYTES_BASE: usize = 16 << 20;
const ARRAY_BYTES_PER_FRAME_BYTE: usize = 4;

/// Elements that all arrays of a request may have together. Whoever answers it takes time and
/// memory for each, many times what it is on the wire: 12 MB of ListOffsets would take a gigabyte.
/// A consumer of ten thousand partitions stays far below.
const REQUEST_ELEMENTS_MAX: usize = 100_000;

/// A cursor over one frame (without its length prefix).
#[derive(Clone, Debug)]
pub struct Decoder {
    frame: Bytes,
    position: usize,
    /// Where reading stops: the end of the frame, or of the tagged field that is being read.
    end: usize,
    /// What the elements of arrays may still take in memory.
    array_bytes_left: usize,
    /// How many elements arrays may still have.
    elements_left: usize,
}

impl Decoder {
    /// For a request: whoever sent it chooses what it costs.
    pub fn of_request(frame: Bytes) -> Self {
        Self {
            elements_left: REQUEST_ELEMENTS_MAX,
            ..Self::new(frame)
        }
    }

    pub fn new(frame: Bytes) -> Self {
        let end = frame.len();
        Self {
            frame,
            position: 0,
            end,
            array_bytes_left: ARRAY_BYTES_BASE
                .saturating_add(end.saturating_mul(ARRAY_BYTES_PER_FRAME_BYTE)),
            elements_left: usize::MAX,
        }
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.end.saturating_sub(self.position)
    }

    /// Ends the decoding; says how many bytes nobody asked for. Left-over bytes are no error: Kafka
    /// ignores them too, and some old clients do send them, so refusing would only break those.
    pub fn finish(self) -> usize {
        self.remaining()
    }

    fn advance(&mut self, len: usize) -> Result<usize, DecodeError> {
        if len > self.remaining() {
            return Err(DecodeError::Truncated {
                needed: len,
                remaining: self.remaining(),
            });
        }
        let start = self.position;
        self.position += len;
        Ok(start)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let start = self.advance(N)?;
        match self
            .frame
            .get(start..)
            .and_then(|rest| rest.first_chunk::<N>())
        {
            Some(bytes) => Ok(*bytes),
            None => Err(DecodeError::Truncated {
                needed: N,
                remaining: 0,
            }),
        }
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn i8(&mut self) -> Result<i8, DecodeError> {
        self.array().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, DecodeError> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }

    pub fn f64(&mut self) -> Result<f64, DecodeError> {
        self.array().map(f64::from_be_bytes)
    }

    pub fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        self.array().map(Uuid::from_bytes)
    }

    /// UNSIGNED_VARINT: seven bits a byte, low bits first, at most five bytes.
    pub fn unsigned_varint(&mut self) -> Result<u32, DecodeError> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.u8()?;
            if shift == 28 && byte > 0x0f {
                return Err(DecodeError::VarintTooLong);
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong)
    }

    /// The next `len` bytes, as a slice of the frame.
    pub fn bytes(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let start = self.advance(len)?;
        Ok(self.frame.slice(start..start + len))
    }

    /// Passes over `len` bytes.
    pub fn skip(&mut self, len: usize) -> Result<(), DecodeError> {
        self.advance(len).map(|_| ())
    }

    /// Length of a string, `None` for null: INT16, or with compact lengths UNSIGNED_VARINT of
    /// length + 1.
    pub(crate) fn string_len(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        let len = if compact {
            self.compact_len()?
        } else {
            non_negative(self.i16()?.into())?
        };
        match len {
            Some(len) if len > STRING_LEN_MAX => Err(DecodeError::StringTooLong(len)),
            len => Ok(len),
        }
    }

    /// Length of a byte field or count of an array, `None` for null: INT32, or UNSIGNED_VARINT of
    /// length + 1.
    pub(crate) fn len(&mut self, compact: bool) -> Result<Option<usize>, DecodeError> {
        if compact {
            self.compact_len()
        } else {
            non_negative(self.i32()?.into())
        }
    }

    fn compact_len(&mut self) -> Result<Option<usize>, DecodeError> {
        Ok(self
            .unsigned_varint()?
            .checked_sub(1)
            .map(|len| len as usize))
    }

    /// Judges the count that an array of `T` claims to have: that many elements of at least
    /// `size_min` bytes must fit into what remains of the frame, and their memory into the budget.
    /// Only then may space be reserved for them.
    pub(crate) fn admit_array<T>(
        &mut self,
        count: usize,
        size_min: usize,
    ) -> Result<(), DecodeError> {
        let remaining = self.remaining();
        if count > remaining / size_min.max(1) {
            return Err(DecodeError::CountTooLarge { count, remaining });
        }
        match self.elements_left.checked_sub(count) {
            Some(left) => self.elements_left = left,
            None => {
                return Err(DecodeError::TooManyElements {
                    limit: REQUEST_ELEMENTS_MAX,
                });
            }
        }
        match self
            .array_bytes_left
            .checked_sub(count.saturating_mul(size_of::<T>()))
        {
            Some(left) => self.array_bytes_left = left,
            None => {
                return Err(DecodeError::OverBudget {
                    frame_len: self.frame.len(),
                });
            }
        }
        Ok(())
    }

    /// The tagged fields at the end of a flexible structure (KIP-482). `read` gets each tag and the
    /// decoder, confined to that field; what it does not read is skipped, so that a newer peer's
    /// tags do no harm.
    pub(crate) fn tagged_fields(
        &mut self,
        mut read: impl FnMut(u32, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let size = self.unsigned_varint()? as usize;
            if size > self.remaining() {
                return Err(DecodeError::Truncated {
                    needed: size,
                    remaining: self.remaining(),
                });
            }
            let outer_end = std::mem::replace(&mut self.end, self.position + size);
            read(tag, self)?;
            self.position = self.end;
            self.end = outer_end;
        }
        Ok(())
    }
}

/// -1 stands for null; any other negative length is a lie.
fn non_negative(len: i64) -> Result<Option<usize>, DecodeError> {
    match len {
        -1 => Ok(None),
        len => usize::try_from(len)
            .map(Some)
            .map_err(|_| DecodeError::NegativeLength(len)),
    }
}
