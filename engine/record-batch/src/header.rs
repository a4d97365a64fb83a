//! The 61-byte header of a record batch v2, and the fields that a broker writes into it.
//!
//! Layout: `docs/FORMAT.md`. The checksum covers byte 21 to the end: base offset, length,
//! leader epoch and magic lie outside, so a broker may set them without a new checksum.

use std::ops::Range;

use crc_fast::{CrcAlgorithm, checksum};

pub const HEADER_BYTES: usize = 61;
/// Base offset and batch length: what the length does not count.
pub const LENGTH_OVERHEAD_BYTES: usize = 12;
pub const MAGIC: i8 = 2;

const BASE_OFFSET: Range<usize> = 0..8;
const BATCH_LENGTH: Range<usize> = 8..12;
const LEADER_EPOCH: Range<usize> = 12..16;
const MAGIC_AT: usize = 16;
const CRC: Range<usize> = 17..21;
const ATTRIBUTES: Range<usize> = 21..23;
const LAST_OFFSET_DELTA: Range<usize> = 23..27;
const BASE_TIMESTAMP: Range<usize> = 27..35;
const MAX_TIMESTAMP: Range<usize> = 35..43;
const PRODUCER_ID: Range<usize> = 43..51;
const PRODUCER_EPOCH: Range<usize> = 51..53;
const BASE_SEQUENCE: Range<usize> = 53..57;
const RECORDS_COUNT: Range<usize> = 57..61;

/// Where the checksum begins to count.
pub const CRC_FROM: usize = ATTRIBUTES.start;

const _: () = assert!(RECORDS_COUNT.end == HEADER_BYTES);

/// The attribute bits of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes(pub i16);

impl Attributes {
    pub const LOG_APPEND_TIME: i16 = 1 << 3;
    pub const TRANSACTIONAL: i16 = 1 << 4;
    pub const CONTROL: i16 = 1 << 5;
    /// The base timestamp is when tombstones and markers may go (KIP-534).
    pub const DELETE_HORIZON: i16 = 1 << 6;

    /// The codec's number; 0 is none.
    pub fn compression(self) -> i8 {
        (self.0 & 0b111) as i8
    }

    pub fn is_log_append_time(self) -> bool {
        self.0 & Self::LOG_APPEND_TIME != 0
    }

    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    pub partition_leader_epoch: i32,
    pub magic: i8,
    pub crc: u32,
    pub attributes: Attributes,
    pub last_offset_delta: i32,
    pub base_timestamp_ms: i64,
    pub max_timestamp_ms: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub records_count: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("a batch header takes {HEADER_BYTES} bytes, there are {0}")]
    Cut(usize),
    #[error("the batch has magic {0}; only record format 2 is served")]
    Magic(i8),
    #[error("the batch announces a length of {0} bytes, less than its header takes")]
    Length(i32),
}

fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: Range<usize>) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at]);
    out
}

impl BatchHeader {
    /// Reads a header and checks what no batch can be read without: magic and length.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(raw) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(HeaderError::Cut(bytes.len()));
        };
        let header = Self {
            base_offset: i64::from_be_bytes(array(raw, BASE_OFFSET)),
            batch_length: i32::from_be_bytes(array(raw, BATCH_LENGTH)),
            partition_leader_epoch: i32::from_be_bytes(array(raw, LEADER_EPOCH)),
            magic: raw[MAGIC_AT] as i8,
            crc: u32::from_be_bytes(array(raw, CRC)),
            attributes: Attributes(i16::from_be_bytes(array(raw, ATTRIBUTES))),
            last_offset_delta: i32::from_be_bytes(array(raw, LAST_OFFSET_DELTA)),
            base_timestamp_ms: i64::from_be_bytes(array(raw, BASE_TIMESTAMP)),
            max_timestamp_ms: i64::from_be_bytes(array(raw, MAX_TIMESTAMP)),
            producer_id: i64::from_be_bytes(array(raw, PRODUCER_ID)),
            producer_epoch: i16::from_be_bytes(array(raw, PRODUCER_EPOCH)),
            base_sequence: i32::from_be_bytes(array(raw, BASE_SEQUENCE)),
            records_count: i32::from_be_bytes(array(raw, RECORDS_COUNT)),
        };
        if header.magic != MAGIC {
            return Err(HeaderError::Magic(header.magic));
        }
        if header.batch_length < (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32 {
            return Err(HeaderError::Length(header.batch_length));
        }
        Ok(header)
    }

    /// Writes all fields; `out` begins with the header.
    ///
    /// # Panics
    /// When `out` is shorter than a header.
    pub fn write_to(&self, out: &mut [u8]) {
        out[BASE_OFFSET].copy_from_slice(&self.base_offset.to_be_bytes());
        out[BATCH_LENGTH].copy_from_slice(&self.batch_length.to_be_bytes());
        out[LEADER_EPOCH].copy_from_slice(&self.partition_leader_epoch.to_be_bytes());
        out[MAGIC_AT] = self.magic as u8;
        out[CRC].copy_from_slice(&self.crc.to_be_bytes());
        out[ATTRIBUTES].copy_from_slice(&self.attributes.0.to_be_bytes());
        out[LAST_OFFSET_DELTA].copy_from_slice(&self.last_offset_delta.to_be_bytes());
        out[BASE_TIMESTAMP].copy_from_slice(&self.base_timestamp_ms.to_be_bytes());
        out[MAX_TIMESTAMP].copy_from_slice(&self.max_timestamp_ms.to_be_bytes());
        out[PRODUCER_ID].copy_from_slice(&self.producer_id.to_be_bytes());
        out[PRODUCER_EPOCH].copy_from_slice(&self.producer_epoch.to_be_bytes());
        out[BASE_SEQUENCE].copy_from_slice(&self.base_sequence.to_be_bytes());
        out[RECORDS_COUNT].copy_from_slice(&self.records_count.to_be_bytes());
    }

    /// The whole batch, header included.
    pub fn size_bytes(&self) -> usize {
        LENGTH_OVERHEAD_BYTES + self.batch_length.max(0) as usize
    }

    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .wrapping_add(i64::from(self.last_offset_delta))
    }

    pub fn next_offset(&self) -> i64 {
        self.last_offset().wrapping_add(1)
    }

    /// Whether compaction has left nothing of it but the header. Where the last record's
    /// place is told, it is told as it was.
    pub fn is_empty(&self) -> bool {
        self.records_count == 0
    }

    /// Whether every offset that it spans has its record: compaction took none.
    pub fn is_whole(&self) -> bool {
        i64::from(self.records_count) == i64::from(self.last_offset_delta) + 1
    }

    /// From when on a cleaning removes its tombstones, or its marker, in ms (KIP-534).
    pub fn delete_horizon_ms(&self) -> Option<i64> {
        self.attributes
            .has_delete_horizon()
            .then_some(self.base_timestamp_ms)
    }

    /// The sequence of the last record; sequences wrap from `i32::MAX` to 0 (KIP-98).
    pub fn last_sequence(&self) -> i32 {
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last & i64::from(i32::MAX)) as i32
    }
}

/// CRC-32C, which is not the polynomial of `crc32fast`.
pub fn crc32c(bytes: &[u8]) -> u32 {
    checksum(CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// Whether a batch is as its producer made it; `batch` is exactly one batch.
pub fn crc_is_valid(batch: &[u8]) -> bool {
    match (BatchHeader::parse(batch), batch.get(CRC_FROM..)) {
        (Ok(header), Some(covered)) => {
            header.size_bytes() == batch.len() && header.crc == crc32c(covered)
        }
        _ => false,
    }
}

/// Writes what the leader gives a batch; both lie outside the checksum.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn stamp(batch: &mut [u8], base_offset: i64, leader_epoch: i32) {
    batch[BASE_OFFSET].copy_from_slice(&base_offset.to_be_bytes());
    batch[LEADER_EPOCH].copy_from_slice(&leader_epoch.to_be_bytes());
}

/// Marks a batch with the broker's time; `batch` is exactly one batch. Takes a new checksum.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn stamp_log_append_time(batch: &mut [u8], timestamp_ms: i64) {
    let attributes = i16::from_be_bytes([batch[ATTRIBUTES.start], batch[ATTRIBUTES.start + 1]]);
    let attributes = attributes | Attributes::LOG_APPEND_TIME;
    batch[ATTRIBUTES].copy_from_slice(&attributes.to_be_bytes());
    stamp_max_timestamp(batch, timestamp_ms);
}

/// Corrects the largest timestamp; `batch` is exactly one batch. Takes a new checksum.
///
/// # Panics
/// When `batch` is shorter than a header.
pub fn stamp_max_timestamp(batch: &mut [u8], timestamp_ms: i64) {
    batch[MAX_TIMESTAMP].copy_from_slice(&timestamp_ms.to_be_bytes());
    let crc = crc32c(&batch[CRC_FROM..]);
    batch[CRC].copy_from_slice(&crc.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc_32c() {
        // The check value of CRC-32/ISCSI.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = BatchHeader {
            base_offset: 7,
            batch_length: 49,
            partition_leader_epoch: 3,
            magic: MAGIC,
            crc: 0xdead_beef,
            attributes: Attributes(Attributes::TRANSACTIONAL | 4),
            last_offset_delta: 9,
            base_timestamp_ms: 1_000,
            max_timestamp_ms: 2_000,
            producer_id: 11,
            producer_epoch: 5,
            base_sequence: i32::MAX - 4,
            records_count: 10,
        };
        let mut bytes = [0; HEADER_BYTES];
        header.write_to(&mut bytes);
        assert_eq!(BatchHeader::parse(&bytes), Ok(header));
        assert_eq!(header.attributes.compression(), 4);
        assert_eq!(header.last_sequence(), 4);
        assert_eq!(BatchHeader::parse(&bytes[..60]), Err(HeaderError::Cut(60)));
    }

    #[test]
    fn a_stamp_of_time_leaves_a_valid_checksum() {
        let mut batch = vec![0; HEADER_BYTES + 4];
        batch[MAGIC_AT] = 2;
        batch[BATCH_LENGTH].copy_from_slice(&53i32.to_be_bytes());
        stamp_max_timestamp(&mut batch, 5);
        assert!(crc_is_valid(&batch));
        stamp(&mut batch, 100, 2);
        assert!(crc_is_valid(&batch));
        stamp_log_append_time(&mut batch, 77);
        assert!(crc_is_valid(&batch));
        let header = BatchHeader::parse(&batch);
        assert!(
            header.is_ok_and(|h| h.attributes.is_log_append_time() && h.max_timestamp_ms == 77)
        );
        batch[HEADER_BYTES] ^= 1;
        assert!(!crc_is_valid(&batch));
    }
}
