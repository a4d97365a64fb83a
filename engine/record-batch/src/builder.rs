//! Making batches: what coordinators write to their topics, and what tests and load send.

use std::io;

use bytes::Bytes;

use crate::compression::{Codec, compress};
use crate::records::varint::{len_bytes, put_int, put_long};
use crate::{
    Attributes, BatchHeader, CRC_FROM, CheckedBatch, HEADER_BYTES, LENGTH_OVERHEAD_BYTES, MAGIC,
    crc32c,
};

/// A header of a record: key, value.
pub type RecordHeader<'a> = (&'a str, Option<&'a [u8]>);

/// A record to be put into a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NewRecord<'a> {
    pub timestamp_ms: i64,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: &'a [RecordHeader<'a>],
}

#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("a batch has at least one record")]
    Empty,
    #[error("{0} bytes are more than a batch can declare")]
    TooLarge(usize),
    #[error("the records do not compress: {0}")]
    Compression(#[from] io::Error),
}

/// Collects records and writes them as one batch. Base offset 0, leader epoch -1: both are the
/// leader's to set.
#[derive(Clone, Debug)]
pub struct BatchBuilder {
    codec: Codec,
    attributes: i16,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    base_timestamp_ms: i64,
    max_timestamp_ms: i64,
    records_count: i32,
    records: Vec<u8>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::new(Codec::None)
    }
}

impl BatchBuilder {
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            attributes: codec.bits(),
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            base_timestamp_ms: -1,
            max_timestamp_ms: -1,
            records_count: 0,
            records: Vec::new(),
        }
    }

    /// Makes it a batch of an idempotent producer (KIP-98).
    #[must_use]
    pub fn producer(mut self, id: i64, epoch: i16, base_sequence: i32) -> Self {
        self.producer_id = id;
        self.producer_epoch = epoch;
        self.base_sequence = base_sequence;
        self
    }

    /// Makes it part of its producer's transaction.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.attributes |= Attributes::TRANSACTIONAL;
        self
    }

    /// Makes it a batch that only brokers write, such as a transaction's marker.
    #[must_use]
    pub fn control(mut self) -> Self {
        self.attributes |= Attributes::CONTROL;
        self
    }

    /// Adds a record after those that are there.
    pub fn push(&mut self, record: &NewRecord<'_>) -> &mut Self {
        if self.records_count == 0 {
            self.base_timestamp_ms = record.timestamp_ms;
            self.max_timestamp_ms = record.timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(record.timestamp_ms);
        let delta_ms = record.timestamp_ms.wrapping_sub(self.base_timestamp_ms);
        let offset_delta = self.records_count;
        self.records_count += 1;

        let out = &mut self.records;
        put_len(out, size_bytes(record, delta_ms, offset_delta));
        out.push(0);
        put_long(out, delta_ms);
        put_int(out, offset_delta);
        put_nullable(out, record.key);
        put_nullable(out, record.value);
        put_len(out, record.headers.len());
        for (key, value) in record.headers {
            put_nullable(out, Some(key.as_bytes()));
            put_nullable(out, *value);
        }
        self
    }

    /// A record with nothing but a key and a value.
    pub fn push_pair(
        &mut self,
        timestamp_ms: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> &mut Self {
        self.push(&NewRecord {
            timestamp_ms,
            key,
            value,
            headers: &[],
        })
    }

    pub fn records_count(&self) -> i32 {
        self.records_count
    }

    /// Bytes of the batch, were it not compressed.
    pub fn size_bytes(&self) -> usize {
        HEADER_BYTES + self.records.len()
    }

    /// Takes the records out again and keeps the memory and the settings.
    pub fn clear(&mut self) {
        self.records.clear();
        self.records_count = 0;
    }

    /// Writes the batch.
    ///
    /// # Errors
    /// Without a record, or with more than a batch's length can declare.
    pub fn build(&self) -> Result<Vec<u8>, BuildError> {
        self.build_with_header().map(|(batch, _)| batch)
    }

    /// Writes the batch, for a log to take as it is.
    ///
    /// # Errors
    /// As [`Self::build`].
    pub fn build_checked(&self) -> Result<CheckedBatch, BuildError> {
        let (batch, header) = self.build_with_header()?;
        Ok(CheckedBatch::built(Bytes::from(batch), header))
    }

    fn build_with_header(&self) -> Result<(Vec<u8>, BatchHeader), BuildError> {
        if self.records_count == 0 {
            return Err(BuildError::Empty);
        }
        let mut batch = vec![0; HEADER_BYTES];
        if self.codec == Codec::None {
            batch.reserve_exact(self.records.len());
        }
        compress(self.codec, &self.records, &mut batch)?;
        let batch_length = i32::try_from(batch.len() - LENGTH_OVERHEAD_BYTES)
            .map_err(|_| BuildError::TooLarge(batch.len()))?;
        let mut header = BatchHeader {
            base_offset: 0,
            batch_length,
            partition_leader_epoch: -1,
            magic: MAGIC,
            crc: 0,
            attributes: Attributes(self.attributes),
            last_offset_delta: self.records_count - 1,
            base_timestamp_ms: self.base_timestamp_ms,
            max_timestamp_ms: self.max_timestamp_ms,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: self.base_sequence,
            records_count: self.records_count,
        };
        header.write_to(&mut batch);
        header.crc = crc32c(batch.get(CRC_FROM..).unwrap_or_default());
        header.write_to(&mut batch);
        Ok((batch, header))
    }
}

/// The size that a record declares: all after the size itself.
fn size_bytes(record: &NewRecord<'_>, delta_ms: i64, offset_delta: i32) -> usize {
    let headers: usize = record
        .headers
        .iter()
        .map(|(key, value)| nullable_bytes(Some(key.as_bytes())) + nullable_bytes(*value))
        .sum();
    let attributes = 1;
    attributes
        + len_bytes(delta_ms)
        + len_bytes(i64::from(offset_delta))
        + nullable_bytes(record.key)
        + nullable_bytes(record.value)
        + len_bytes(record.headers.len() as i64)
        + headers
}

fn nullable_bytes(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| len_bytes(bytes.len() as i64) + bytes.len())
}

fn put_nullable(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => put_int(out, -1),
        Some(bytes) => {
            put_len(out, bytes.len());
            out.extend_from_slice(bytes);
        }
    }
}

/// A length beyond 32 bits makes a batch that [`BatchBuilder::build`] refuses.
fn put_len(out: &mut Vec<u8>, len: usize) {
    put_long(out, len as i64);
}
