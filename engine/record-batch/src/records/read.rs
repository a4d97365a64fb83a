//! Reading one record, from whatever source.
//!
//! A record: size (varint), then that many bytes: attributes (1, unused), timestamp delta
//! (varlong), offset delta (varint), key and value (varint length, -1 for null), headers (varint
//! count; key, value each as above, the key never null).

use super::RecordError;
use super::source::Source;
use super::varint::{read_int, read_long};

/// The least that a header takes: two lengths.
const HEADER_BYTES_MIN: usize = 2;

/// A record up to its headers.
pub(crate) struct Body<F> {
    pub(crate) timestamp_delta_ms: i64,
    pub(crate) offset_delta: i32,
    pub(crate) key: Option<F>,
    pub(crate) value: Option<F>,
    pub(crate) headers_count: usize,
}

/// Enters the next record and reads it up to its headers.
#[inline]
pub(crate) fn begin<S: Source>(source: &mut S) -> Result<Body<S::Field>, RecordError> {
    let (timestamp_delta_ms, offset_delta) = front(source)?;
    let key = nullable(source)?;
    let value = nullable(source)?;
    let headers_count = headers_count(source)?;
    Ok(Body {
        timestamp_delta_ms,
        offset_delta,
        key,
        value,
        headers_count,
    })
}

/// Enters the next record and reads its timestamp delta and its offset delta.
#[inline]
pub(super) fn front<S: Source>(source: &mut S) -> Result<(i64, i32), RecordError> {
    let size = read_int(source)?;
    let size = usize::try_from(size).map_err(|_| RecordError::Size(size))?;
    source.enter(size)?;
    let _attributes = source.byte()?;
    Ok((read_long(source)?, read_int(source)?))
}

#[inline]
pub(super) fn headers_count<S: Source>(source: &mut S) -> Result<usize, RecordError> {
    let headers = read_int(source)?;
    usize::try_from(headers)
        .ok()
        .filter(|count| *count <= source.left() / HEADER_BYTES_MIN)
        .ok_or(RecordError::HeadersCount(headers))
}

/// Reads the headers of the entered record and leaves it.
#[inline]
pub(crate) fn end<S: Source>(source: &mut S, headers_count: usize) -> Result<(), RecordError> {
    for _ in 0..headers_count {
        header(source)?;
    }
    leave(source)
}

/// Leaves a record of which all was read.
#[inline]
pub(super) fn leave<S: Source>(source: &mut S) -> Result<(), RecordError> {
    match source.left() {
        0 => {
            source.leave();
            Ok(())
        }
        left => Err(RecordError::Leftover(left)),
    }
}

pub(crate) fn header<S: Source>(
    source: &mut S,
) -> Result<(S::Field, Option<S::Field>), RecordError> {
    let key = nullable(source)?.ok_or(RecordError::HeaderKey)?;
    Ok((key, nullable(source)?))
}

/// A length and its bytes. Any negative length is null, as Kafka takes it.
#[inline]
fn nullable<S: Source>(source: &mut S) -> Result<Option<S::Field>, RecordError> {
    match nullable_len(source)? {
        Some(len_bytes) => source.field(len_bytes).map(Some),
        None => Ok(None),
    }
}

/// The length of a key or value, within the record; `None` for null.
#[inline]
pub(super) fn nullable_len<S: Source>(source: &mut S) -> Result<Option<usize>, RecordError> {
    let len = read_int(source)?;
    let Ok(len_bytes) = usize::try_from(len) else {
        return Ok(None);
    };
    if len_bytes > source.left() {
        return Err(RecordError::Length {
            len,
            left: source.left(),
        });
    }
    Ok(Some(len_bytes))
}
