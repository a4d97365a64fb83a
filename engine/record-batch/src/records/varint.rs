//! The zigzag varints that records are made of (KIP-98; protobuf's encoding).
//!
//! A number has one width: bits beyond it make it invalid here, where Kafka drops them. Clients
//! differ in what they make of such bits, so a record with them would not be one record to all.

use super::RecordError;
use super::source::Source;

/// Bytes of the longest 32-bit and 64-bit varint.
const INT_BYTES_MAX: u32 = 5;
const LONG_BYTES_MAX: u32 = 10;

pub(crate) fn read_int<S: Source>(source: &mut S) -> Result<i32, RecordError> {
    let first = source.byte()?;
    if first < 0x80 {
        return Ok(i32::from(first >> 1) ^ -i32::from(first & 1));
    }
    let raw = read_long_form(source, first, INT_BYTES_MAX)?;
    let raw = u32::try_from(raw).map_err(|_| RecordError::Varint)?;
    Ok((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

pub(crate) fn read_long<S: Source>(source: &mut S) -> Result<i64, RecordError> {
    let first = source.byte()?;
    if first < 0x80 {
        return Ok(i64::from(first >> 1) ^ -i64::from(first & 1));
    }
    let raw = read_long_form(source, first, LONG_BYTES_MAX)?;
    Ok((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

fn read_long_form<S: Source>(
    source: &mut S,
    first: u8,
    bytes_max: u32,
) -> Result<u64, RecordError> {
    let mut raw = u64::from(first & 0x7f);
    for at in 1..bytes_max {
        let byte = source.byte()?;
        let part = u64::from(byte & 0x7f);
        let shift = 7 * at;
        if part << shift >> shift != part {
            return Err(RecordError::Varint);
        }
        raw |= part << shift;
        if byte < 0x80 {
            return Ok(raw);
        }
    }
    Err(RecordError::Varint)
}

pub(crate) fn put_int(out: &mut Vec<u8>, value: i32) {
    put_long(out, i64::from(value));
}

pub(crate) fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut raw = zigzag(value);
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

/// How many bytes `value` takes; a 32-bit number takes the same as one of 64.
pub(crate) fn len_bytes(value: i64) -> usize {
    let bits = (u64::BITS - zigzag(value).leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::source::SliceSource;
    use super::*;

    proptest! {
        #[test]
        fn a_varint_is_read_as_it_was_written(long: i64, int: i32, shift in 0u32..63) {
            for value in [long, long >> shift, i64::from(int)] {
                let mut bytes = Vec::new();
                put_long(&mut bytes, value);
                prop_assert_eq!(bytes.len(), len_bytes(value));
                prop_assert_eq!(read_long(&mut SliceSource::new(&bytes)), Ok(value));
            }
            let mut bytes = Vec::new();
            put_int(&mut bytes, int);
            prop_assert_eq!(read_int(&mut SliceSource::new(&bytes)), Ok(int));
        }
    }

    #[test]
    fn varints_that_are_too_long_or_too_wide_are_refused() {
        let int = |bytes: &[u8]| read_int(&mut SliceSource::new(bytes));
        let long = |bytes: &[u8]| read_long(&mut SliceSource::new(bytes));
        assert_eq!(int(&[0xff, 0xff, 0xff, 0xff, 0x0f]), Ok(i32::MIN));
        assert_eq!(
            int(&[0xff, 0xff, 0xff, 0xff, 0x1f]),
            Err(RecordError::Varint)
        );
        assert_eq!(int(&[0x80; 6]), Err(RecordError::Varint));
        assert_eq!(int(&[0x80, 0x80]), Err(RecordError::Cut));
        let mut widest = [0xff; 10];
        widest[9] = 1;
        assert_eq!(long(&widest), Ok(i64::MIN));
        widest[9] = 2;
        assert_eq!(long(&widest), Err(RecordError::Varint));
        assert_eq!(long(&[0x80; 11]), Err(RecordError::Varint));
    }
}
