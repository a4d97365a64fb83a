//! [`Record`]s out of what a fetch gave: whole batches, decompressed, without what aborted
//! transactions wrote.

use std::collections::BTreeSet;
use std::io::Read;

use bytes::Bytes;
use naru_record_batch::{
    BatchHeader, Codec, Decoder, EndTransactionMarker, HEADER_BYTES, HeaderError, RecordView,
    Records, TransactionResult, crc_is_valid,
};
use naru_wire::api::fetch::AbortedTransaction;

/// What a batch may decompress to: more than any broker is likely to take.
const DECOMPRESSED_BYTES_MAX: usize = 1 << 30;

/// A record, by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: i64,
    pub timestamp_ms: i64,
    pub key: Option<Bytes>,
    pub value: Option<Bytes>,
    pub headers: Vec<(Bytes, Option<Bytes>)>,
}

/// Why fetched bytes are no records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a batch cannot be read: {0}")]
pub struct BatchError(String);

/// What was in the fetched bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordsRead {
    pub records: Vec<Record>,
    /// Where to fetch next; `None` if there was no whole batch.
    pub next_offset: Option<i64>,
}

/// The records from offset `from` on. The last batch may be cut short; it is left for the next
/// fetch. `aborted` is what the broker said of transactions: their records are left out.
///
/// # Errors
/// When a whole batch is damaged, or of a format before Kafka 0.11.
pub fn read_records(
    mut bytes: &[u8],
    from: i64,
    aborted: &[AbortedTransaction],
) -> Result<RecordsRead, BatchError> {
    let mut read = RecordsRead::default();
    let mut aborted: Vec<&AbortedTransaction> = aborted.iter().collect();
    aborted.sort_by_key(|transaction| transaction.first_offset);
    let mut to_come = aborted.into_iter().peekable();
    // The producers whose transactions are being passed over.
    let mut passed_over = BTreeSet::new();
    loop {
        let header = match BatchHeader::parse(bytes) {
            Ok(header) => header,
            Err(HeaderError::Cut(_)) => return Ok(read),
            Err(error) => return Err(BatchError(error.to_string())),
        };
        let Some((batch, rest)) = bytes.split_at_checked(header.size_bytes()) else {
            return Ok(read);
        };
        bytes = rest;
        read.next_offset = Some(header.next_offset());
        if !crc_is_valid(batch) {
            let offset = header.base_offset;
            return Err(BatchError(format!(
                "the one at offset {offset} has another checksum than it says"
            )));
        }
        while let Some(transaction) =
            to_come.next_if(|transaction| transaction.first_offset <= header.last_offset())
        {
            passed_over.insert(transaction.producer_id);
        }
        if header.attributes.is_control() {
            let marker = EndTransactionMarker::parse(&header, batch);
            if marker.is_some_and(|marker| marker.result == TransactionResult::Abort) {
                passed_over.remove(&header.producer_id);
            }
            continue;
        }
        let is_aborted =
            header.attributes.is_transactional() && passed_over.contains(&header.producer_id);
        if !is_aborted {
            read_batch(&header, batch, from, &mut read.records)?;
        }
    }
}

fn read_batch(
    header: &BatchHeader,
    batch: &[u8],
    from: i64,
    out: &mut Vec<Record>,
) -> Result<(), BatchError> {
    let damaged = |reason: String| BatchError(format!("offset {}: {reason}", header.base_offset));
    let payload = batch.get(HEADER_BYTES..).unwrap_or_default();
    let codec = Codec::of(header.attributes).map_err(|error| damaged(error.to_string()))?;
    let mut decompressed = Vec::new();
    let payload = match codec {
        Codec::None => payload,
        codec => {
            let mut decoder = Decoder::open(codec, payload, DECOMPRESSED_BYTES_MAX)
                .map_err(|error| damaged(error.to_string()))?;
            decoder
                .read_to_end(&mut decompressed)
                .map_err(|error| damaged(error.to_string()))?;
            &decompressed
        }
    };
    for record in Records::new(payload) {
        let record = record.map_err(|error| damaged(error.to_string()))?;
        let offset = header.base_offset + i64::from(record.offset_delta);
        if offset >= from {
            out.push(Record::of(header, offset, &record));
        }
    }
    Ok(())
}

impl Record {
    fn of(header: &BatchHeader, offset: i64, record: &RecordView<'_>) -> Self {
        let timestamp_ms = match header.attributes.is_log_append_time() {
            true => header.max_timestamp_ms,
            false => header
                .base_timestamp_ms
                .wrapping_add(record.timestamp_delta_ms),
        };
        let copy = |bytes: Option<&[u8]>| bytes.map(Bytes::copy_from_slice);
        let headers = record.headers.map(|(key, value)| {
            let key = Bytes::copy_from_slice(key);
            (key, copy(value))
        });
        Self {
            offset,
            timestamp_ms,
            key: copy(record.key),
            value: copy(record.value),
            headers: headers.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use naru_record_batch::{BatchBuilder, stamp};

    fn batch(codec: Codec, base_offset: i64, values: &[&str]) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec);
        for value in values {
            builder.push_pair(7, Some(b"k"), Some(value.as_bytes()));
        }
        let mut batch = builder.build().unwrap();
        stamp(&mut batch, base_offset, 0);
        batch
    }

    fn of_transaction(base_offset: i64, producer_id: i64, value: &str) -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None)
            .producer(producer_id, 0, 0)
            .transactional();
        builder.push_pair(7, None, Some(value.as_bytes()));
        let mut batch = builder.build().unwrap();
        stamp(&mut batch, base_offset, 0);
        batch
    }

    fn marker(base_offset: i64, producer_id: i64, result: TransactionResult) -> Vec<u8> {
        let marker = EndTransactionMarker {
            result,
            coordinator_epoch: 0,
        };
        let mut batch = marker.build(producer_id, 0, 7).bytes().to_vec();
        stamp(&mut batch, base_offset, 0);
        batch
    }

    fn values(read: &RecordsRead) -> Vec<&str> {
        let values = read.records.iter().map(|record| record.value.as_deref());
        values
            .map(|value| std::str::from_utf8(value.unwrap()).unwrap())
            .collect()
    }

    #[test]
    fn records_of_every_codec_are_read_from_the_offset_on() {
        for codec in Codec::ALL {
            let bytes = [batch(codec, 10, &["a", "b"]), batch(codec, 12, &["c"])].concat();
            let read = read_records(&bytes, 11, &[]).unwrap();
            assert_eq!(values(&read), ["b", "c"], "{codec}");
            assert_eq!(read.next_offset, Some(13));
            assert_eq!(
                (read.records[0].offset, read.records[0].timestamp_ms),
                (11, 7)
            );
        }
    }

    #[test]
    fn a_batch_that_is_cut_short_is_left_for_the_next_fetch() {
        let whole = batch(Codec::None, 0, &["a"]);
        for length in 0..whole.len() {
            let read = read_records(&whole[..length], 0, &[]).unwrap();
            assert_eq!(read, RecordsRead::default());
        }
    }

    #[test]
    fn a_damaged_batch_is_an_error() {
        let mut bytes = batch(Codec::None, 3, &["a"]);
        *bytes.last_mut().unwrap() ^= 1;
        let error = read_records(&bytes, 0, &[]).unwrap_err();
        assert!(error.to_string().contains("offset 3"), "{error}");
    }

    /// The same producer aborts once and commits afterwards; another one commits in between.
    #[test]
    fn what_was_aborted_is_left_out_until_its_marker() {
        let bytes = [
            of_transaction(0, 1, "gone"),
            of_transaction(1, 2, "kept"),
            marker(2, 1, TransactionResult::Abort),
            of_transaction(3, 1, "kept, too"),
            marker(4, 1, TransactionResult::Commit),
            marker(5, 2, TransactionResult::Commit),
        ]
        .concat();
        let aborted = [AbortedTransaction {
            producer_id: 1,
            first_offset: 0,
        }];
        let read = read_records(&bytes, 0, &aborted).unwrap();
        assert_eq!(values(&read), ["kept", "kept, too"]);
        assert_eq!(read.next_offset, Some(6));
        // Who reads uncommitted records sees them all, but no marker.
        let read = read_records(&bytes, 0, &[]).unwrap();
        assert_eq!(values(&read), ["gone", "kept", "kept, too"]);
    }
}
