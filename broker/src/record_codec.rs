//! The pieces of the records that coordinators keep in `__consumer_offsets` and
//! `__transaction_state`: Kafka's primitive types, not flexible and flexible (KIP-482), each
//! length checked against what is there.

use bytes::{BufMut, Bytes, BytesMut};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the record is cut short")]
    Cut,
    #[error("the record has text that is not UTF-8")]
    Text,
    #[error("the record has version {0}, which is not known")]
    Version(i16),
    #[error("the record has state {0}, which is never stored")]
    State(i8),
}

/// Text longer than its length can say is cut: ids that long are refused before.
pub fn put_string(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(i16::MAX as usize)];
    out.put_i16(text.len() as i16);
    out.put_slice(text.as_bytes());
}

pub fn put_nullable_string(out: &mut BytesMut, text: Option<&str>) {
    match text {
        Some(text) => put_string(out, text),
        None => out.put_i16(-1),
    }
}

/// A flexible length is one more than what it counts; 0 is null.
pub fn put_compact_count(out: &mut BytesMut, count: usize) {
    put_unsigned_varint(out, count as u32 + 1);
}

pub fn put_compact_bytes(out: &mut BytesMut, bytes: &[u8]) {
    put_compact_count(out, bytes.len());
    out.put_slice(bytes);
}

pub fn put_compact_nullable_string(out: &mut BytesMut, text: Option<&str>) {
    match text {
        Some(text) => put_compact_string(out, text),
        None => out.put_u8(0),
    }
}

pub fn put_unsigned_varint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

/// Text of a flexible version, cut as [`put_string`] does.
pub fn put_compact_string(out: &mut BytesMut, text: &str) {
    let text = &text[..text.floor_char_boundary(i16::MAX as usize)];
    put_compact_count(out, text.len());
    out.put_slice(text.as_bytes());
}

/// The tagged fields at the end of a structure: tags, in order, and what they hold.
pub fn put_tagged_fields(out: &mut BytesMut, fields: &[(u32, &[u8])]) {
    put_unsigned_varint(out, fields.len() as u32);
    for (tag, bytes) in fields {
        put_unsigned_varint(out, *tag);
        put_unsigned_varint(out, bytes.len() as u32);
        out.put_slice(bytes);
    }
}

pub fn put_bytes(out: &mut BytesMut, bytes: &[u8]) {
    out.put_i32(bytes.len() as i32);
    out.put_slice(bytes);
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

    /// Of bytes whose lengths are in the flexible form.
    pub fn flexible(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            is_flexible: true,
        }
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

    pub fn uuid(&mut self) -> Result<Uuid, RecordError> {
        self.array().map(Uuid::from_bytes)
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

    /// A length, `None` for null; `fixed` reads the form of versions that are not flexible.
    fn length(
        &mut self,
        fixed: impl Fn(&mut Self) -> Result<i32, RecordError>,
    ) -> Result<Option<usize>, RecordError> {
        if self.is_flexible {
            let length = self.unsigned_varint()?;
            return Ok(length.checked_sub(1).map(|length| length as usize));
        }
        match fixed(self)? {
            -1 => Ok(None),
            length => usize::try_from(length)
                .map(Some)
                .map_err(|_| RecordError::Cut),
        }
    }

    pub fn nullable_string(&mut self) -> Result<Option<String>, RecordError> {
        let Some(length) = self.length(|r| r.i16().map(i32::from))? else {
            return Ok(None);
        };
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Text)?;
        Ok(Some(text.to_owned()))
    }

    pub fn string(&mut self) -> Result<String, RecordError> {
        self.nullable_string()?.ok_or(RecordError::Cut)
    }

    pub fn nullable_bytes(&mut self) -> Result<Option<Bytes>, RecordError> {
        let Some(length) = self.length(Self::i32)? else {
            return Ok(None);
        };
        self.take(length).map(Bytes::copy_from_slice).map(Some)
    }

    pub fn bytes(&mut self) -> Result<Bytes, RecordError> {
        self.nullable_bytes()?.ok_or(RecordError::Cut)
    }

    /// The number of elements that follow; each takes at least a byte.
    pub fn count(&mut self) -> Result<usize, RecordError> {
        let count = self.length(Self::i32)?.unwrap_or(0);
        if count > self.rest.len() {
            return Err(RecordError::Cut);
        }
        Ok(count)
    }

    /// Skips the tagged fields at the end of a structure.
    pub fn tagged_fields(&mut self) -> Result<(), RecordError> {
        self.each_tagged_field(|_, _| Ok(()))
    }

    /// Reads the tagged fields at the end of a structure: tags, and what they hold.
    pub fn each_tagged_field(
        &mut self,
        mut field: impl FnMut(u32, &[u8]) -> Result<(), RecordError>,
    ) -> Result<(), RecordError> {
        if !self.is_flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint()? {
            let tag = self.unsigned_varint()?;
            let length = self.unsigned_varint()?;
            field(tag, self.take(length as usize)?)?;
        }
        Ok(())
    }
}
