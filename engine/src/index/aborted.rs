//! The aborted transactions of a segment: those whose marker is in it (`<base>.txnindex`).
//!
//! A consumer that reads committed records is told which transactions of what it reads were
//! aborted, and drops them. The bytes are those of Kafka's TransactionIndex, so that its tools
//! read them; entries are in the order of their markers. The file of a segment is whole when
//! the segment is sealed; until then, its entries are in memory and in the checkpoint.

use std::num::NonZeroUsize;

use bytes::{Buf, BufMut, Bytes, BytesMut};

const VERSION: i16 = 0;

/// What an entry takes in a file: version, and four numbers of 8 bytes, big-endian.
pub const ABORTED_ENTRY_BYTES: usize = 34;

/// Entries that a segment has at most: a new one is begun then, as when it is full. What is not
/// sealed is kept in memory.
pub const ABORTED_ENTRIES_MAX: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();

/// A transaction that was aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    /// Of its first record in this partition.
    pub first_offset: i64,
    /// Of its marker.
    pub last_offset: i64,
    /// The last stable offset as the marker left it: of the transactions that began below it,
    /// no marker comes later.
    pub last_stable_offset: i64,
}

impl AbortedTransaction {
    /// Whether a reader of the offsets from `from` up to, not including, `end` meets it.
    pub fn is_within(&self, from: i64, end: i64) -> bool {
        self.last_offset >= from && self.first_offset < end
    }
}

/// The bytes of a segment's file.
pub fn encode_aborted(entries: &[AbortedTransaction]) -> Bytes {
    let mut out = BytesMut::with_capacity(entries.len() * ABORTED_ENTRY_BYTES);
    for entry in entries {
        out.put_i16(VERSION);
        out.put_i64(entry.producer_id);
        out.put_i64(entry.first_offset);
        out.put_i64(entry.last_offset);
        out.put_i64(entry.last_stable_offset);
    }
    out.freeze()
}

/// Reads a segment's file; `None` if it is not whole, or holds what none can hold.
pub fn decode_aborted(mut bytes: &[u8]) -> Option<Vec<AbortedTransaction>> {
    let mut entries = Vec::with_capacity(bytes.len() / ABORTED_ENTRY_BYTES);
    while !bytes.is_empty() {
        if bytes.try_get_i16().ok()? != VERSION {
            return None;
        }
        entries.push(AbortedTransaction {
            producer_id: bytes.try_get_i64().ok()?,
            first_offset: bytes.try_get_i64().ok()?,
            last_offset: bytes.try_get_i64().ok()?,
            last_stable_offset: bytes.try_get_i64().ok()?,
        });
    }
    are_ordered(&entries).then_some(entries)
}

/// Whether entries are as transactions can have been.
pub(crate) fn are_ordered(entries: &[AbortedTransaction]) -> bool {
    let is_one = |e: &AbortedTransaction| e.first_offset < e.last_offset;
    entries.iter().all(is_one) && entries.is_sorted_by(|a, b| a.last_offset < b.last_offset)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(first_offset: i64, last_offset: i64) -> AbortedTransaction {
        AbortedTransaction {
            producer_id: 0x0102_0304_0506_0708,
            first_offset,
            last_offset,
            last_stable_offset: last_offset + 1,
        }
    }

    #[test]
    fn an_entry_has_kafkas_34_bytes() {
        let bytes = encode_aborted(&[entry(9, 10)]);
        let mut expected = vec![0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        for offset in [9, 10, 11] {
            expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, offset]);
        }
        assert_eq!(bytes, expected);
        assert_eq!(decode_aborted(&bytes), Some(vec![entry(9, 10)]));
    }

    #[test]
    fn a_file_that_is_cut_or_out_of_order_is_none() {
        let bytes = encode_aborted(&[entry(1, 4), entry(2, 9)]);
        for end in 0..bytes.len() {
            let is_whole = end % ABORTED_ENTRY_BYTES == 0;
            let found = decode_aborted(&bytes[..end]);
            assert_eq!(found.is_some(), is_whole, "{end}");
        }
        for wrong in [[entry(2, 9), entry(1, 4)], [entry(1, 4), entry(9, 9)]] {
            assert_eq!(decode_aborted(&encode_aborted(&wrong)), None);
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(entries) = decode_aborted(&bytes) {
                prop_assert_eq!(encode_aborted(&entries), bytes);
            }
        }
    }
}
