//! A batch on its way: [`Open`] while records are added, [`Ready`] when it is bytes.

use bytes::Bytes;
use naru_record_batch::{BatchBuilder, BuildError, Codec as BatchCodec};

use super::control::Slot;
use crate::workload::Codec;

/// What a record without headers costs beside its key and value, at most, in bytes.
pub(super) const RECORD_OVERHEAD_BYTES: usize = 21;

/// Who an idempotent producer is (KIP-98).
#[derive(Clone, Copy, Debug)]
pub(super) struct ProducerId {
    pub id: i64,
    pub epoch: i16,
}

/// Collects the records of one partition.
pub(super) struct Open {
    builder: BatchBuilder,
    records: u64,
    payload_bytes: u64,
    first_sequence: u64,
    first_ns: u64,
    /// When each record was to be sent; empty if all were sent at `first_ns`.
    sent_ns: Vec<u64>,
}

/// A batch to be sent.
pub(super) struct Ready {
    pub slot: Slot,
    pub batch: Bytes,
    pub records: u64,
    pub payload_bytes: u64,
    pub first_sequence: u64,
    /// When its first record was sent, or was to be sent.
    pub first_ns: u64,
    pub sent_ns: Vec<u64>,
}

pub(super) fn batch_codec(codec: Codec) -> BatchCodec {
    match codec {
        Codec::None => BatchCodec::None,
        Codec::Gzip => BatchCodec::Gzip,
        Codec::Snappy => BatchCodec::Snappy,
        Codec::Lz4 => BatchCodec::Lz4,
        Codec::Zstd => BatchCodec::Zstd,
    }
}

impl Open {
    pub(super) fn new(codec: Codec) -> Self {
        Self {
            builder: BatchBuilder::new(batch_codec(codec)),
            records: 0,
            payload_bytes: 0,
            first_sequence: 0,
            first_ns: 0,
            sent_ns: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records == 0
    }

    pub(super) fn first_ns(&self) -> u64 {
        self.first_ns
    }

    /// Whether a record of `bytes` still goes in: one always does.
    pub(super) fn has_room(&self, bytes: usize, batch_bytes_max: usize) -> bool {
        self.is_empty()
            || self.builder.size_bytes() + bytes + RECORD_OVERHEAD_BYTES <= batch_bytes_max
    }

    pub(super) fn push(
        &mut self,
        timestamp_ms: i64,
        (key, value): (Option<&[u8]>, &[u8]),
        sequence: u64,
        sent_ns: u64,
        is_paced: bool,
    ) {
        if self.is_empty() {
            self.first_sequence = sequence;
            self.first_ns = sent_ns;
        }
        if is_paced {
            self.sent_ns.push(sent_ns);
        }
        self.builder.push_pair(timestamp_ms, key, Some(value));
        self.records += 1;
        self.payload_bytes += (key.map_or(0, <[u8]>::len) + value.len()) as u64;
    }

    /// The batch; what collects the next one stays.
    pub(super) fn close(
        &mut self,
        slot: Slot,
        producer: Option<ProducerId>,
    ) -> Result<Ready, BuildError> {
        if let Some(ProducerId { id, epoch }) = producer {
            // Sequences wrap after the largest i32, as the producer's do.
            let sequence = (self.first_sequence & i32::MAX as u64) as i32;
            let builder = std::mem::take(&mut self.builder);
            self.builder = builder.producer(id, epoch, sequence);
        }
        let batch = self.builder.build()?;
        self.builder.clear();
        let ready = Ready {
            slot,
            batch: Bytes::from(batch),
            records: self.records,
            payload_bytes: self.payload_bytes,
            first_sequence: self.first_sequence,
            first_ns: self.first_ns,
            sent_ns: std::mem::take(&mut self.sent_ns),
        };
        self.records = 0;
        self.payload_bytes = 0;
        Ok(ready)
    }
}
