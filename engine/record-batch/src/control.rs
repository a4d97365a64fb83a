//! The marker that ends a transaction: a control batch of one record (KIP-98; Kafka's
//! ControlRecordType and EndTxnMarker).
//!
//! ```text
//! key    version i16 (0) | type i16: 0 abort, 1 commit
//! value  version i16 (0) | coordinator epoch i32              (big-endian)
//! ```
//!
//! Later versions of either may have more after these fields, as in Kafka.

use crate::{BatchBuilder, BatchHeader, CheckedBatch, Codec, HEADER_BYTES, Records};

const ABORT: i16 = 0;
const COMMIT: i16 = 1;
const VERSION: i16 = 0;

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionResult {
    Commit,
    Abort,
}

/// What the record of a marker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndTransactionMarker {
    pub result: TransactionResult,
    pub coordinator_epoch: i32,
}

impl EndTransactionMarker {
    /// The batch of this marker, of a producer: base offset 0, leader epoch -1.
    #[must_use]
    pub fn build(self, producer_id: i64, producer_epoch: i16, timestamp_ms: i64) -> CheckedBatch {
        let result = match self.result {
            TransactionResult::Abort => ABORT,
            TransactionResult::Commit => COMMIT,
        };
        let mut key = [0; 4];
        key[..2].copy_from_slice(&VERSION.to_be_bytes());
        key[2..].copy_from_slice(&result.to_be_bytes());
        let mut value = [0; 6];
        value[..2].copy_from_slice(&VERSION.to_be_bytes());
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        let mut builder = BatchBuilder::new(Codec::None)
            .producer(producer_id, producer_epoch, -1)
            .transactional()
            .control();
        builder.push_pair(timestamp_ms, Some(&key), Some(&value));
        match builder.build_checked() {
            Ok(batch) => batch,
            Err(error) => unreachable!("a marker is one small record: {error}"),
        }
    }

    /// Reads the marker of `batch`, which is whole; `None` where it is no marker: a control
    /// batch of another kind, or one that compaction has emptied.
    pub fn parse(header: &BatchHeader, batch: &[u8]) -> Option<Self> {
        let is_marker = header.attributes.is_control() && header.attributes.is_transactional();
        if !is_marker || header.records_count < 1 {
            return None;
        }
        let record = Records::new(batch.get(HEADER_BYTES..)?).next()?.ok()?;
        let (_, result) = two(record.key?)?;
        let value = record.value?;
        let (_, rest) = value.split_first_chunk::<2>()?;
        let result = match result {
            ABORT => TransactionResult::Abort,
            COMMIT => TransactionResult::Commit,
            _ => return None,
        };
        let coordinator_epoch = i32::from_be_bytes(*rest.first_chunk()?);
        Some(Self {
            result,
            coordinator_epoch,
        })
    }
}

fn two(key: &[u8]) -> Option<(i16, i16)> {
    let (version, rest) = key.split_first_chunk()?;
    let kind = rest.first_chunk()?;
    Some((i16::from_be_bytes(*version), i16::from_be_bytes(*kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKERS: [(TransactionResult, i32); 2] = [
        (TransactionResult::Abort, 7),
        (TransactionResult::Commit, i32::MAX),
    ];

    #[test]
    fn a_marker_is_read_as_it_was_built() {
        for (result, coordinator_epoch) in MARKERS {
            let marker = EndTransactionMarker {
                result,
                coordinator_epoch,
            };
            let batch = marker.build(9, 3, 1_000);
            let header = batch.header();
            assert_eq!(header.attributes.0, 0x30);
            assert_eq!((header.producer_id, header.producer_epoch), (9, 3));
            assert_eq!((header.base_sequence, header.records_count), (-1, 1));
            assert_eq!(
                EndTransactionMarker::parse(header, batch.bytes()),
                Some(marker)
            );
            for cut in 0..batch.bytes().len() {
                let cut = batch.bytes().get(..cut).unwrap_or_default();
                assert_eq!(EndTransactionMarker::parse(header, cut), None);
            }
        }
    }

    /// The bytes of Kafka's EndTransactionMarker: key 0, 0 or 0, 1; value 0, coordinator epoch.
    #[test]
    fn a_marker_has_kafkas_bytes() {
        let marker = EndTransactionMarker {
            result: TransactionResult::Commit,
            coordinator_epoch: 0x0102_0304,
        };
        let batch = marker.build(9, 3, 1_000);
        let record = [32, 0, 0, 0, 8, 0, 0, 0, 1, 12, 0, 0, 1, 2, 3, 4, 0];
        assert_eq!(batch.bytes().get(HEADER_BYTES..), Some(&record[..]));
    }

    #[test]
    fn other_batches_are_no_markers() {
        let pair = |builder: BatchBuilder, key: &[u8]| {
            let mut builder = builder.producer(9, 3, -1);
            builder.push_pair(0, Some(key), Some(&[0; 6]));
            builder.build_checked().expect("one record")
        };
        let control = || BatchBuilder::new(Codec::None).transactional().control();
        for batch in [
            pair(BatchBuilder::new(Codec::None).transactional(), &[0; 4]),
            pair(BatchBuilder::new(Codec::None).control(), &[0; 4]),
            pair(control(), &[0, 0, 0, 2]),
        ] {
            assert_eq!(
                EndTransactionMarker::parse(batch.header(), batch.bytes()),
                None
            );
        }
        let emptied = BatchHeader {
            records_count: 0,
            ..*pair(control(), &[0; 4]).header()
        };
        assert_eq!(
            EndTransactionMarker::parse(&emptied, &[0; HEADER_BYTES]),
            None
        );
    }
}
