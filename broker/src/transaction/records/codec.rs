//! The pieces of the records: Kafka's primitive types, not flexible and flexible (KIP-482), each
//! length checked against what is there.

use bytes::{BufMut, BytesMut};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("a record of __transaction_state is cut short")]
    Cut,
    #[error("a record of __transaction_state has text that is not UTF-8")]
    Text,
    #[error("a record of __transaction_state has version {0}, which is not known")]
    Version(i16),
    #[error("a record of __transaction_state has state {0}, which is never stored")]
    State(i8),
}

/// Text longer than its length can say is cut: ids that long are refused before.
pub fn put_string(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(i16::MAX as usize)];
    out.put_i16(text.len() as i16);
    out.put_slice(text.as_bytes());
}

pub fn put_unsigned_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// A length of the flexible versions; null is 0.
pub fn put_compact_length(out: &mut BytesMut, length: usize) {
    put_unsigned_varint(out, length as u32 + 1);
}

pub fn put_compact_string(out: &mut BytesMut, text: &str) {
    put_compact_length(out, text.len());
    out.put_slice(text.as_bytes());
}

/// Reads a record from its front; `is_flexible` says how lengths are written.
pub struct Reader<'a> {
    rest: &'a [u8],
    pub is_flexible: bool,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            is_flexible: false,
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], RecordError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(RecordError::Cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(RecordError::Cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub fn i8(&mut self) -> Result<i8, RecordError> {
        self.array().map(i8::from_be_bytes)
    }

    pub fn i16(&mut self) -> Result<i16, RecordError> {
        self.array().map(i16::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, RecordError> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, RecordError> {
        self.array().map(i64::from_be_bytes)
    }

    fn unsigned_varint(&mut self) -> Result<u32, RecordError> {
        let mut value = 0u32;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RecordError::Cut)
    }

    /// The number of elements that follow, `None` for null; each takes at least a byte.
    pub fn count(&mut self) -> Result<Option<usize>, RecordError> {
        let count = if self.is_flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else {
            i64::from(self.i32()?)
        };
        match usize::try_from(count) {
            Ok(count) if count > self.rest.len() => Err(RecordError::Cut),
            Ok(count) => Ok(Some(count)),
            Err(_) if count == -1 => Ok(None),
            Err(_) => Err(RecordError::Cut),
        }
    }

    pub fn string(&mut self) -> Result<String, RecordError> {
        let length = if self.is_flexible {
            i64::from(self.unsigned_varint()?) - 1
        } else {
            i64::from(self.i16()?)
        };
        let length = usize::try_from(length).map_err(|_| RecordError::Cut)?;
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| RecordError::Text)?;
        Ok(text.to_owned())
    }

    /// Gives each tagged field at the end of a structure to `take`, which reads those it knows.
    pub fn tagged_fields(
        &mut self,
        mut take: impl FnMut(u32, &mut Reader<'a>) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        if !self.is_flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()?;
            take(tag, &mut Reader::new(self.take(length as usize)?))?;
        }
        Ok(())
    }
}
