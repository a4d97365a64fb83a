//! The records of a fetch answer, one by one.

use std::io::Read;

use naru_record_batch::{
    BatchHeader, Codec, Decoder, HEADER_BYTES, RecordView, Records, crc_is_valid,
};

/// More than this a batch may not decompress to, in bytes.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// The offset after the last whole batch of `bytes`, if there is one. A batch at the end may be
/// cut short.
pub(super) fn next_offset(bytes: &[u8]) -> Option<i64> {
    whole_batches(bytes)
        .last()
        .map(|(header, _)| header.next_offset())
}

/// Calls `see` with each record from `from_offset` on and its timestamp in ms (`None` if the broker
/// has set it), and `damaged` with the number of records of each batch that cannot be read or
/// whose checksum is wrong.
pub(super) fn each_record(
    bytes: &[u8],
    from_offset: i64,
    mut see: impl FnMut(&RecordView<'_>, Option<i64>),
    mut damaged: impl FnMut(u64),
) {
    for (header, batch) in whole_batches(bytes) {
        if header.attributes.is_control() {
            continue;
        }
        let mut seen = 0;
        let is_timed = !header.attributes.is_log_append_time();
        let mut each = |records: &[u8]| {
            for record in Records::new(records).map_while(Result::ok) {
                seen += 1;
                if header.base_offset + i64::from(record.offset_delta) >= from_offset {
                    let timestamp_ms = header.base_timestamp_ms + record.timestamp_delta_ms;
                    see(&record, is_timed.then_some(timestamp_ms));
                }
            }
        };
        let body = &batch[HEADER_BYTES..];
        match Codec::of(header.attributes) {
            // Whoever sent or kept it changed it: nothing in it is believed.
            _ if !crc_is_valid(batch) => {}
            Ok(Codec::None) => each(body),
            Ok(codec) => {
                let mut plain = Vec::new();
                if let Ok(mut decoder) = Decoder::open(codec, body, BATCH_BYTES_MAX)
                    && decoder.read_to_end(&mut plain).is_ok()
                {
                    each(&plain);
                }
            }
            Err(_) => {}
        }
        let missing = u64::try_from(header.records_count)
            .unwrap_or(0)
            .saturating_sub(seen);
        if missing > 0 {
            damaged(missing);
        }
    }
}

/// How many records of `bytes` lie at `from_offset` or after it, going by the batches' headers.
pub(super) fn count_records(bytes: &[u8], from_offset: i64) -> u64 {
    let count = |(header, _): (BatchHeader, &[u8])| {
        let first = header.base_offset.max(from_offset);
        u64::try_from(header.next_offset() - first).unwrap_or(0)
    };
    whole_batches(bytes).map(count).sum()
}

fn whole_batches(mut bytes: &[u8]) -> impl Iterator<Item = (BatchHeader, &[u8])> {
    std::iter::from_fn(move || {
        let header = BatchHeader::parse(bytes).ok()?;
        let (batch, rest) = bytes.split_at_checked(header.size_bytes())?;
        bytes = rest;
        Some((header, batch))
    })
}

#[cfg(test)]
mod tests {
    use naru_record_batch::{BatchBuilder, stamp};

    use super::*;

    fn batches(codec: Codec) -> Vec<u8> {
        let mut all = Vec::new();
        for (base, values) in [(10, ["a", "b"]), (12, ["c", "d"])] {
            let mut builder = BatchBuilder::new(codec);
            for (later, value) in values.into_iter().enumerate() {
                builder.push_pair(1000 + later as i64, None, Some(value.as_bytes()));
            }
            let mut batch = builder.build().unwrap();
            stamp(&mut batch, base, 0);
            all.extend(batch);
        }
        all
    }

    fn values(bytes: &[u8], from: i64) -> (String, u64) {
        let (mut values, mut damaged) = (String::new(), 0);
        let see = |record: &RecordView<'_>, timestamp_ms: Option<i64>| {
            assert_eq!(timestamp_ms, Some(1000 + record.timestamp_delta_ms));
            values.push_str(std::str::from_utf8(record.value.unwrap()).unwrap());
        };
        each_record(bytes, from, see, |count| damaged += count);
        (values, damaged)
    }

    #[test]
    fn records_before_the_fetch_offset_are_not_seen_again() {
        for codec in [
            Codec::None,
            Codec::Lz4,
            Codec::Zstd,
            Codec::Snappy,
            Codec::Gzip,
        ] {
            let bytes = batches(codec);
            assert_eq!(values(&bytes, 0), ("abcd".into(), 0));
            assert_eq!(values(&bytes, 11), ("bcd".into(), 0));
            assert_eq!(count_records(&bytes, 11), 3);
            assert_eq!(next_offset(&bytes), Some(14));
        }
    }

    #[test]
    fn a_batch_that_is_cut_short_is_left_for_the_next_fetch() {
        let bytes = batches(Codec::None);
        let cut = &bytes[..bytes.len() - 1];
        assert_eq!(values(cut, 0), ("ab".into(), 0));
        assert_eq!(next_offset(cut), Some(12));
        assert_eq!(next_offset(&bytes[..20]), None);
    }

    #[test]
    fn records_that_cannot_be_read_are_counted() {
        let mut bytes = batches(Codec::None);
        bytes[HEADER_BYTES] = 0xff;
        assert_eq!(values(&bytes, 0), ("cd".into(), 2));
    }

    #[test]
    fn records_that_read_well_in_a_batch_whose_checksum_is_wrong_are_damaged() {
        let mut bytes = batches(Codec::None);
        // The last byte of the first batch is its last record's count of headers; the one before
        // is the value.
        let length = BatchHeader::parse(&bytes).unwrap().size_bytes();
        bytes[length - 2] = b'x';
        assert_eq!(values(&bytes, 0), ("cd".into(), 2));
    }
}
