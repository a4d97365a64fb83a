//! What is around the payload of Naru's own small files: magic, version, checksum, length.
//!
//! `magic[4] | version u32 | crc32 of the payload u32 | payload length u32 | payload`, all
//! little endian. The checksum is CRC-32 (IEEE); Kafka's batches have CRC-32C of their own.

use bytes::{BufMut, Bytes, BytesMut};
use rkyv::util::AlignedVec;

const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;

pub fn seal(magic: [u8; 4], payload: &[u8]) -> Bytes {
    seal_version(magic, VERSION, payload)
}

/// As [`seal`], for a kind of file whose payload has had more versions than one.
pub fn seal_version(magic: [u8; 4], version: u32, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER_BYTES + payload.len());
    out.put_slice(&magic);
    out.put_u32_le(version);
    out.put_u32_le(crc32fast::hash(payload));
    out.put_u32_le(payload.len() as u32);
    out.put_slice(payload);
    out.freeze()
}

/// The payload, aligned for rkyv, if the file is whole and of this kind.
pub fn open(magic: [u8; 4], bytes: &[u8]) -> Option<AlignedVec> {
    open_version(magic, VERSION, bytes)
}

/// As [`open`], for the payload of one version.
pub fn open_version(magic: [u8; 4], version: u32, bytes: &[u8]) -> Option<AlignedVec> {
    let header = bytes.first_chunk::<HEADER_BYTES>()?;
    let number = |at: usize| {
        let raw = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_le_bytes(raw)
    };
    if header[..4] != magic || number(4) != version {
        return None;
    }
    let length = number(12) as usize;
    let payload = bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(length)?)?;
    if crc32fast::hash(payload) != number(8) {
        return None;
    }
    let mut aligned = AlignedVec::with_capacity(length);
    aligned.extend_from_slice(payload);
    Some(aligned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_lost_or_changed_a_byte_is_not_opened() {
        let whole = seal(*b"TEST", b"payload");
        assert_eq!(open(*b"TEST", &whole).as_deref(), Some(&b"payload"[..]));
        assert!(open(*b"OTHR", &whole).is_none());
        assert!(open_version(*b"TEST", 2, &whole).is_none());
        for cut in 0..whole.len() {
            assert!(open(*b"TEST", &whole[..cut]).is_none());
        }
        for at in 0..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1;
            assert!(open(*b"TEST", &damaged).is_none(), "byte {at}");
        }
    }
}
