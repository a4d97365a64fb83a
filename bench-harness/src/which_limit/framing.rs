//! How many bytes of a limit one record takes: each place counts something else.

/// The header of a v2 record batch.
const BATCH_HEADER_BYTES: u64 = 61;

/// What Kafka's Java client assumes for a record's own fields: length, attributes, timestamp and
/// offset deltas, at their longest (`DefaultRecord.MAX_RECORD_OVERHEAD`).
const JAVA_RECORD_OVERHEAD_BYTES: u64 = 21;

/// Bytes of a number as zigzag varint.
fn varint_bytes(value: i64) -> u64 {
    let zigzag = ((value << 1) ^ (value >> 63)) as u64;
    u64::from((64 - zigzag.leading_zeros()).max(1).div_ceil(7))
}

/// Bytes of a key or value with its length; a missing one has the length -1.
fn field_bytes(bytes: Option<u64>) -> u64 {
    match bytes {
        Some(bytes) => varint_bytes(bytes as i64) + bytes,
        None => varint_bytes(-1),
    }
}

/// The uncompressed batch that holds one record without headers, whose timestamp is that of its
/// batch: what `max.message.bytes` counts.
pub fn batch_bytes(value_bytes: u64, key_bytes: Option<u64>) -> u64 {
    // Attributes, timestamp delta, offset delta and the count of headers take one byte each.
    let record = 4 + field_bytes(key_bytes) + field_bytes(Some(value_bytes));
    BATCH_HEADER_BYTES + varint_bytes(record as i64) + record
}

/// What Kafka's Java producer holds against `max.request.size` and `buffer.memory`, whether it
/// compresses or not (`AbstractRecords.estimateSizeInBytesUpperBound`).
pub fn java_estimate_bytes(value_bytes: u64, key_bytes: Option<u64>) -> u64 {
    let headers = varint_bytes(0);
    let fields = field_bytes(key_bytes) + field_bytes(Some(value_bytes));
    BATCH_HEADER_BYTES + JAVA_RECORD_OVERHEAD_BYTES + fields + headers
}

#[cfg(test)]
mod tests {
    use naru_record_batch::{BatchBuilder, Codec};

    use super::*;

    #[test]
    fn the_batch_is_as_large_as_one_that_is_built() {
        let sizes = (0..300).chain([
            8191,
            8192,
            16383,
            16384,
            1 << 20,
            (1 << 20) - 1,
            2_097_151,
            2_097_152,
            20_000_000,
        ]);
        for value_bytes in sizes {
            for key in [None, Some(0), Some(10), Some(100)] {
                let value = vec![0; value_bytes];
                let key_value = key.map(|bytes| vec![0; bytes]);
                let mut builder = BatchBuilder::new(Codec::None);
                builder.push_pair(5, key_value.as_deref(), Some(&value));
                let built = builder.build().unwrap().len() as u64;
                let counted = batch_bytes(value_bytes as u64, key.map(|bytes| bytes as u64));
                assert_eq!(counted, built, "{value_bytes} {key:?}");
            }
        }
    }

    #[test]
    fn the_java_client_counts_what_its_message_says() {
        // "The message is 1600088 bytes when serialized", for a value of 1,600,000 bytes and no
        // key.
        assert_eq!(java_estimate_bytes(1_600_000, None), 1_600_088);
        for bytes in [0, 1, 100, 1_000_000, 20_000_000] {
            assert!(java_estimate_bytes(bytes, Some(9)) >= batch_bytes(bytes, Some(9)));
        }
    }
}
