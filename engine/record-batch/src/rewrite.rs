//! Batches from which compaction has taken records (KIP-98, KIP-534).
//!
//! Offsets, sequences, producer, leader epoch, codec and the type of the timestamps stay as
//! they were, so that to a consumer the other records are what they were before, and to a
//! producer its last batch is known. Checksum, count, sizes and the largest timestamp are new.

use std::io::{self, Write};

use crate::compression::{Codec, Encoder};
use crate::records::varint::put_long;
use crate::records::{RecordError, RecordFront, RecordPieces};
use crate::{
    Attributes, BatchHeader, BuildError, CRC_FROM, HEADER_BYTES, LENGTH_OVERHEAD_BYTES, crc32c,
};

/// What a header without records says of its base timestamp.
const NO_TIMESTAMP: i64 = -1;

/// Takes the records that stay, in their order.
pub struct BatchRewriter {
    /// As it was.
    from: BatchHeader,
    base_timestamp_ms: i64,
    attributes: Attributes,
    max_timestamp_ms: i64,
    records_count: i32,
    encoder: Encoder,
    front: Vec<u8>,
}

impl BatchRewriter {
    /// Begins a batch like `from`. `delete_horizon_ms` is from when on its tombstones, or its
    /// marker, may go; one that `from` has stays.
    ///
    /// # Errors
    /// When the codec is not known, or cannot be had.
    pub fn new(from: &BatchHeader, delete_horizon_ms: Option<i64>) -> Result<Self, BuildError> {
        let codec = Codec::of(from.attributes).map_err(io::Error::other)?;
        let (mut attributes, mut base_timestamp_ms) = (from.attributes, from.base_timestamp_ms);
        if let Some(horizon_ms) = delete_horizon_ms.filter(|_| !attributes.has_delete_horizon()) {
            attributes.0 |= Attributes::DELETE_HORIZON;
            base_timestamp_ms = horizon_ms;
        }
        Ok(Self {
            from: *from,
            base_timestamp_ms,
            attributes,
            max_timestamp_ms: NO_TIMESTAMP,
            records_count: 0,
            encoder: Encoder::new(codec, vec![0; HEADER_BYTES])?,
            front: Vec::new(),
        })
    }

    pub fn records_count(&self) -> i32 {
        self.records_count
    }

    /// Takes the record that `records` has just entered, of which nothing else was read.
    pub fn keep<B: AsRef<[u8]>>(
        &mut self,
        front: RecordFront,
        records: &mut RecordPieces<B>,
    ) -> Result<(), BuildError> {
        let at_ms = self
            .from
            .base_timestamp_ms
            .wrapping_add(front.timestamp_delta_ms);
        let moved = RecordFront {
            timestamp_delta_ms: at_ms.wrapping_sub(self.base_timestamp_ms),
            ..front
        };
        let size_bytes = moved.size_bytes() + records.left_bytes();
        self.front.clear();
        put_long(&mut self.front, size_bytes as i64);
        self.front.push(0);
        put_long(&mut self.front, moved.timestamp_delta_ms);
        put_long(&mut self.front, i64::from(front.offset_delta));
        self.encoder.write_all(&self.front)?;
        let mut written = Ok(());
        let encoder = &mut self.encoder;
        let rest = records.rest(|piece| {
            written = encoder.write_all(piece);
            match written {
                Ok(()) => Ok(()),
                Err(_) => Err(RecordError::Payload),
            }
        });
        written?;
        rest.map_err(io::Error::other)?;
        self.records_count += 1;
        self.max_timestamp_ms = self.max_timestamp_ms.max(at_ms);
        Ok(())
    }

    /// The batch, of the records that were kept.
    ///
    /// # Errors
    /// When none was, or they take more than a batch can declare.
    pub fn finish(self) -> Result<Vec<u8>, BuildError> {
        if self.records_count == 0 {
            return Err(BuildError::Empty);
        }
        let mut batch = self.encoder.finish()?;
        let batch_length = i32::try_from(batch.len() - LENGTH_OVERHEAD_BYTES)
            .map_err(|_| BuildError::TooLarge(batch.len()))?;
        let max_timestamp_ms = match self.from.attributes.is_log_append_time() {
            true => self.from.max_timestamp_ms,
            false => self.max_timestamp_ms,
        };
        let header = BatchHeader {
            batch_length,
            attributes: self.attributes,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms,
            records_count: self.records_count,
            ..self.from
        };
        seal(header, &mut batch);
        Ok(batch)
    }
}

/// What is left of a batch that has no record any more, and must not be forgotten: its
/// header.
pub fn empty_batch(from: &BatchHeader) -> Vec<u8> {
    let kept = Attributes::LOG_APPEND_TIME | Attributes::TRANSACTIONAL | Attributes::CONTROL;
    let header = BatchHeader {
        batch_length: (HEADER_BYTES - LENGTH_OVERHEAD_BYTES) as i32,
        attributes: Attributes(from.attributes.0 & kept),
        base_timestamp_ms: NO_TIMESTAMP,
        records_count: 0,
        ..*from
    };
    let mut batch = vec![0; HEADER_BYTES];
    seal(header, &mut batch);
    batch
}

fn seal(mut header: BatchHeader, batch: &mut [u8]) {
    header.write_to(batch);
    header.crc = crc32c(batch.get(CRC_FROM..).unwrap_or_default());
    header.write_to(batch);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use super::*;
    use crate::{BatchBuilder, Decoder, Records, crc_is_valid, first_record_at, stamp};

    const HEADERS: [(&str, Option<&[u8]>); 2] = [("one", Some(b"1")), ("none", None)];

    fn batch(codec: Codec) -> Vec<u8> {
        let mut builder = BatchBuilder::new(codec).producer(7, 3, 100);
        for number in 0..6i64 {
            let key = format!("key {number}");
            builder.push(&crate::NewRecord {
                timestamp_ms: 1_000 + number * 100,
                key: Some(key.as_bytes()),
                value: (number != 3).then_some(&[number as u8; 20_000]),
                headers: &HEADERS,
            });
        }
        let mut batch = builder.build().unwrap();
        stamp(&mut batch, 5_000, 9);
        batch
    }

    /// Offset, timestamp, key, value and the number of headers of each record.
    type Plain = Vec<(i64, i64, Vec<u8>, Option<Vec<u8>>, usize)>;

    fn plain(batch: &[u8]) -> Plain {
        let header = BatchHeader::parse(batch).unwrap();
        let codec = Codec::of(header.attributes).unwrap();
        let mut bytes = Vec::new();
        let mut decoder = Decoder::open(codec, &batch[HEADER_BYTES..], usize::MAX).unwrap();
        decoder.read_to_end(&mut bytes).unwrap();
        let records = Records::new(&bytes).map(|record| {
            let record = record.unwrap();
            (
                header.base_offset + i64::from(record.offset_delta),
                header.base_timestamp_ms + record.timestamp_delta_ms,
                record.key.unwrap().to_vec(),
                record.value.map(<[u8]>::to_vec),
                record.headers.count(),
            )
        });
        records.collect()
    }

    fn rewrite(batch: &[u8], stays: &[i32], horizon_ms: Option<i64>) -> Vec<u8> {
        let header = BatchHeader::parse(batch).unwrap();
        let mut records = RecordPieces::open(&header, &batch[HEADER_BYTES..]).unwrap();
        let mut rewriter = BatchRewriter::new(&header, horizon_ms).unwrap();
        while let Some(front) = records.enter().unwrap() {
            if stays.contains(&front.offset_delta) {
                rewriter.keep(front, &mut records).unwrap();
            }
        }
        rewriter.finish().unwrap()
    }

    #[test]
    fn records_that_stay_are_what_they_were() {
        for codec in Codec::ALL {
            let before = batch(codec);
            let header = BatchHeader::parse(&before).unwrap();
            for horizon_ms in [None, Some(1 << 40)] {
                let after = rewrite(&before, &[1, 3, 4], horizon_ms);
                assert!(crc_is_valid(&after), "{codec}");
                let kept = plain(&before);
                let kept: Plain = [1, 3, 4].iter().map(|&at| kept[at].clone()).collect();
                assert_eq!(plain(&after), kept, "{codec}");
                let new = BatchHeader::parse(&after).unwrap();
                assert_eq!(new.delete_horizon_ms(), horizon_ms);
                assert_eq!((new.records_count, new.max_timestamp_ms), (3, 1_400));
                assert_eq!((new.base_offset, new.last_offset()), (5_000, 5_005));
                assert_eq!(new.last_sequence(), header.last_sequence());
                assert_eq!(new.partition_leader_epoch, 9);
                assert_eq!(Codec::of(new.attributes), Ok(codec));
                assert!(!new.is_whole() && !new.is_empty());
                // Once set, the horizon does not move.
                if horizon_ms.is_some() {
                    let again = rewrite(&after, &[3], Some(7));
                    let again = BatchHeader::parse(&again).unwrap();
                    assert_eq!(again.delete_horizon_ms(), horizon_ms);
                }
            }
        }
    }

    #[test]
    fn of_an_emptied_batch_its_header_stays_and_answers_no_search() {
        let before = batch(Codec::Zstd);
        let header = BatchHeader::parse(&before).unwrap();
        let empty = empty_batch(&header);
        assert_eq!(empty.len(), HEADER_BYTES);
        assert!(crc_is_valid(&empty));
        let left = BatchHeader::parse(&empty).unwrap();
        assert!(left.is_empty());
        assert_eq!(Codec::of(left.attributes), Ok(Codec::None));
        assert_eq!(left.base_timestamp_ms, -1);
        assert_eq!(left.max_timestamp_ms, header.max_timestamp_ms);
        assert_eq!((left.base_offset, left.last_offset()), (5_000, 5_005));
        assert_eq!(left.last_sequence(), header.last_sequence());
        assert_eq!(first_record_at(&empty, 0, 0), None);
        let mut stamped = empty;
        crate::stamp_log_append_time(&mut stamped, 2_000);
        assert_eq!(first_record_at(&stamped, 0, 0), None);
    }

    /// The first offset of a batch may be gone; that of its first record is the answer.
    #[test]
    fn a_search_in_a_cleaned_batch_of_log_append_time_finds_a_record_that_is_there() {
        let mut before = batch(Codec::None);
        crate::stamp_log_append_time(&mut before, 2_000);
        assert_eq!(first_record_at(&before, 0, 5_001), Some((5_001, 2_000)));
        let after = rewrite(&before, &[2, 5], None);
        assert_eq!(first_record_at(&after, 1_500, 0), Some((5_002, 2_000)));
        assert_eq!(first_record_at(&after, 1_500, 5_003), Some((5_005, 2_000)));
        assert_eq!(first_record_at(&after, 2_001, 0), None);
    }
}
