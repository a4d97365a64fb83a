//! How each of Kafka's types is read and written: the vocabulary of the tables in `api/`.
//!
//! A type is one `impl Field`. The two encodings of the protocol, classic and flexible (KIP-482),
//! differ in lengths only, so the version and that one bit ([`Format`]) are all that a field needs
//! to know.

use bytes::Bytes;
use uuid::Uuid;

use crate::error_code::ErrorCode;
use crate::records::Records;
use crate::string::Str;
use crate::{DecodeError, Decoder, EncodeError, Encoder};

/// The version of a message, and whether that version is flexible.
#[derive(Clone, Copy, Debug)]
pub struct Format {
    pub version: i16,
    pub flexible: bool,
}

/// A value with a place on the wire.
pub trait Field: Sized {
    /// The fewest bytes that a value can take. Bounds what an array may claim to hold.
    fn size_min(format: Format) -> usize;
    fn read(decoder: &mut Decoder, format: Format) -> Result<Self, DecodeError>;
    fn write(&self, encoder: &mut Encoder, format: Format) -> Result<(), EncodeError>;

    fn is_null(&self) -> bool {
        false
    }
}

/// A type that has a null on the wire. The default is how structures do it: an INT8 in front,
/// negative for null.
pub trait Nullable: Field {
    fn size_min_nullable(_format: Format) -> usize {
        1
    }

    fn read_nullable(decoder: &mut Decoder, format: Format) -> Result<Option<Self>, DecodeError> {
        match decoder.i8()? {
            ..0 => Ok(None),
            0.. => Self::read(decoder, format).map(Some),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        encoder: &mut Encoder,
        format: Format,
    ) -> Result<(), EncodeError> {
        match value {
            None => encoder.put_i8(-1),
            Some(value) => {
                encoder.put_i8(1);
                value.write(encoder, format)?;
            }
        }
        Ok(())
    }
}

impl<T: Nullable> Field for Option<T> {
    fn size_min(format: Format) -> usize {
        T::size_min_nullable(format)
    }

    fn read(decoder: &mut Decoder, format: Format) -> Result<Self, DecodeError> {
        T::read_nullable(decoder, format)
    }

    fn write(&self, encoder: &mut Encoder, format: Format) -> Result<(), EncodeError> {
        T::write_nullable(self.as_ref(), encoder, format)
    }

    fn is_null(&self) -> bool {
        self.is_none()
    }
}

macro_rules! fixed_size {
    ($($ty:ty, $bytes:literal, $read:ident, $write:ident;)*) => {$(
        impl Field for $ty {
            fn size_min(_format: Format) -> usize {
                $bytes
            }

            fn read(decoder: &mut Decoder, _format: Format) -> Result<Self, DecodeError> {
                decoder.$read()
            }

            fn write(&self, encoder: &mut Encoder, _format: Format) -> Result<(), EncodeError> {
                encoder.$write(*self);
                Ok(())
            }
        }
    )*};
}

fixed_size! {
    i8, 1, i8, put_i8;
    i16, 2, i16, put_i16;
    u16, 2, u16, put_u16;
    i32, 4, i32, put_i32;
    i64, 8, i64, put_i64;
    f64, 8, f64, put_f64;
    Uuid, 16, uuid, put_uuid;
}

impl Field for bool {
    fn size_min(_format: Format) -> usize {
        1
    }

    fn read(decoder: &mut Decoder, _format: Format) -> Result<Self, DecodeError> {
        Ok(decoder.i8()? != 0)
    }

    fn write(&self, encoder: &mut Encoder, _format: Format) -> Result<(), EncodeError> {
        encoder.put_i8(i8::from(*self));
        Ok(())
    }
}

impl Field for ErrorCode {
    fn size_min(_format: Format) -> usize {
        2
    }

    fn read(decoder: &mut Decoder, _format: Format) -> Result<Self, DecodeError> {
        decoder.i16().map(ErrorCode::from)
    }

    fn write(&self, encoder: &mut Encoder, _format: Format) -> Result<(), EncodeError> {
        encoder.put_error_code(*self);
        Ok(())
    }
}

/// Types with a length in front have a null of their own, a length of -1: they are read as
/// nullable, and a null is then refused where a value must be.
macro_rules! length_prefixed {
    ($([$($param:ident)?] $ty:ty;)*) => {$(
        impl $(<$param: Field>)? Field for $ty {
            fn size_min(format: Format) -> usize {
                Self::size_min_nullable(format)
            }

            fn read(decoder: &mut Decoder, format: Format) -> Result<Self, DecodeError> {
                Self::read_nullable(decoder, format)?.ok_or(DecodeError::Null)
            }

            fn write(&self, encoder: &mut Encoder, format: Format) -> Result<(), EncodeError> {
                Self::write_nullable(Some(self), encoder, format)
            }
        }
    )*};
}

length_prefixed! {
    [] Str;
    [] Bytes;
    [] Records;
    [T] Vec<T>;
}

impl Nullable for Str {
    fn size_min_nullable(format: Format) -> usize {
        if format.flexible { 1 } else { 2 }
    }

    fn read_nullable(decoder: &mut Decoder, format: Format) -> Result<Option<Self>, DecodeError> {
        match decoder.string_len(format.flexible)? {
            None => Ok(None),
            Some(len) => Str::from_utf8(decoder.bytes(len)?).map(Some),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        encoder: &mut Encoder,
        format: Format,
    ) -> Result<(), EncodeError> {
        encoder.put_string_len(value.map(|text| text.as_bytes().len()), format.flexible)?;
        if let Some(text) = value {
            encoder.put_slice(text.as_bytes());
        }
        Ok(())
    }
}

impl Nullable for Bytes {
    fn size_min_nullable(format: Format) -> usize {
        if format.flexible { 1 } else { 4 }
    }

    fn read_nullable(decoder: &mut Decoder, format: Format) -> Result<Option<Self>, DecodeError> {
        match decoder.len(format.flexible)? {
            None => Ok(None),
            Some(len) => decoder.bytes(len).map(Some),
        }
    }

    fn write_nullable(
        value: Option<&Self>,
        encoder: &mut Encoder,
        format: Format,
    ) -> Result<(), EncodeError> {
        encoder.put_len(value.map(Bytes::len), format.flexible)?;
        if let Some(bytes) = value {
            encoder.put_slice_ref(bytes.clone());
        }
        Ok(())
    }
}

impl Nullable for Records {
    fn size_min_nullable(format: Format) -> usize {
        Bytes::size_min_nullable(format)
    }

    fn read_nullable(decoder: &mut Decoder, format: Format) -> Result<Option<Self>, DecodeError> {
        Ok(Bytes::read_nullable(decoder, format)?.map(Records::from))
    }

    fn write_nullable(
        value: Option<&Self>,
        encoder: &mut Encoder,
        format: Format,
    ) -> Result<(), EncodeError> {
        encoder.put_len(value.map(Records::len), format.flexible)?;
        for piece in value.map_or(&[][..], Records::pieces) {
            encoder.put_slice_ref(piece.clone());
        }
        Ok(())
    }
}

impl<T: Field> Nullable for Vec<T> {
    fn size_min_nullable(format: Format) -> usize {
        if format.flexible { 1 } else { 4 }
    }

    fn read_nullable(decoder: &mut Decoder, format: Format) -> Result<Option<Self>, DecodeError> {
        let Some(count) = decoder.len(format.flexible)? else {
            return Ok(None);
        };
        decoder.admit_array::<T>(count, T::size_min(format))?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(T::read(decoder, format)?);
        }
        Ok(Some(elements))
    }

    fn write_nullable(
        value: Option<&Self>,
        encoder: &mut Encoder,
        format: Format,
    ) -> Result<(), EncodeError> {
        encoder.put_len(value.map(Vec::len), format.flexible)?;
        for element in value.into_iter().flatten() {
            element.write(encoder, format)?;
        }
        Ok(())
    }
}

/// The tagged fields that differ from their defaults, gathered in ascending order of tag (KIP-482
/// asks for the order).
#[derive(Debug, Default)]
pub(crate) struct TaggedFields(Vec<(u32, Encoder)>);

impl TaggedFields {
    pub(crate) fn push(
        &mut self,
        tag: u32,
        value: &impl Field,
        format: Format,
    ) -> Result<(), EncodeError> {
        let mut encoder = Encoder::new();
        value.write(&mut encoder, format)?;
        let place = self.0.partition_point(|(other, _)| *other < tag);
        self.0.insert(place, (tag, encoder));
        Ok(())
    }

    pub(crate) fn write(self, encoder: &mut Encoder) {
        encoder.put_unsigned_varint(self.0.len() as u32);
        for (tag, value) in self.0 {
            encoder.put_unsigned_varint(tag);
            encoder.put_unsigned_varint(value.len() as u32);
            for piece in value.finish() {
                encoder.put_slice_ref(piece);
            }
        }
    }
}
