//! Why a batch is refused, and which of Kafka's errors that is.

use super::{RefusedRecord, RefusedRecords};
use crate::compression::{Codec, CompressionError, UnknownCodec};
use crate::records::RecordError;

/// Kafka's error, to be mapped to its code where all codes are mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// 87: retrying will not help.
    InvalidRecord,
    /// 2: damaged on the way; clients retry.
    CorruptMessage,
    /// 10: clients split the batch, or give up.
    MessageTooLarge,
    /// 32.
    InvalidTimestamp,
    /// 76.
    UnsupportedCompressionType,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("a produce takes exactly one record batch, there is none")]
    NoBatch,
    #[error("a produce takes exactly one record batch, there are more")]
    MoreBatches,
    #[error("the batch is cut short: it declares {declared_bytes} bytes, there are {bytes}")]
    Cut { declared_bytes: u64, bytes: usize },
    #[error("the batch declares a length of {0} bytes, less than its header takes")]
    Length(i32),
    #[error("the batch has magic {0}; only record format 2 is served")]
    OldMagic(i8),
    #[error("magic {0} is no record format")]
    UnknownMagic(i8),
    #[error("the batch has {bytes} bytes; max.message.bytes of the topic allows {limit_bytes}")]
    TooLarge { bytes: usize, limit_bytes: usize },
    #[error("the checksum is {computed:#010x}, the batch declares {declared:#010x}")]
    Crc { declared: u32, computed: u32 },
    #[error("the base offset of a produced batch is 0, not {0}")]
    BaseOffset(i64),
    #[error(
        "the batch declares {records_count} records, its last offset delta is {last_offset_delta}"
    )]
    Count {
        records_count: i32,
        last_offset_delta: i32,
    },
    #[error("clients do not write control batches")]
    Control,
    #[error("producer {producer_id} sent the sequence {base_sequence}")]
    Sequence {
        producer_id: i64,
        base_sequence: i32,
    },
    #[error("a producer does not set the timestamp type to LogAppendTime")]
    LogAppendTime,
    #[error("{0}")]
    UnknownCodec(#[from] UnknownCodec),
    #[error("zstd takes Produce version 7 or later")]
    ZstdTooEarly,
    #[error("the records do not decompress with {codec}: {reason}")]
    Undecompressable { codec: Codec, reason: String },
    #[error(
        "the records decompress to more than the {limit_bytes} bytes that \
         max.decompressed.message.bytes allows"
    )]
    DecompressedTooLarge { limit_bytes: usize },
    #[error("record {index} cannot be read: {error}")]
    Record { index: i32, error: RecordError },
    #[error("the batch declares {declared} records, there are {found}")]
    FewerRecords { declared: i32, found: i32 },
    #[error("bytes follow the {declared} records that the batch declares")]
    MoreRecords { declared: i32 },
    #[error("record {index} has the offset delta {offset_delta}; deltas count up from 0")]
    OffsetDelta { index: i32, offset_delta: i32 },
    #[error("{0}")]
    Records(RefusedRecords),
    /// Only the header was read, which declares this timestamp for the largest.
    #[error(
        "timestamp {timestamp_ms} is outside of {earliest_ms} to {latest_ms} \
         (message.timestamp.before.max.ms, message.timestamp.after.max.ms)"
    )]
    Timestamp {
        timestamp_ms: i64,
        earliest_ms: i64,
        latest_ms: i64,
    },
}

impl Rejection {
    pub fn kind(&self) -> RejectionKind {
        match self {
            Self::Length(_) | Self::UnknownMagic(_) | Self::Crc { .. } => {
                RejectionKind::CorruptMessage
            }
            Self::TooLarge { .. } | Self::DecompressedTooLarge { .. } => {
                RejectionKind::MessageTooLarge
            }
            Self::Timestamp { .. } | Self::LogAppendTime => RejectionKind::InvalidTimestamp,
            Self::Records(records) if records.has_timestamp() => RejectionKind::InvalidTimestamp,
            Self::ZstdTooEarly => RejectionKind::UnsupportedCompressionType,
            Self::NoBatch
            | Self::MoreBatches
            | Self::Cut { .. }
            | Self::OldMagic(_)
            | Self::BaseOffset(_)
            | Self::Count { .. }
            | Self::Control
            | Self::Sequence { .. }
            | Self::UnknownCodec(_)
            | Self::Undecompressable { .. }
            | Self::Record { .. }
            | Self::FewerRecords { .. }
            | Self::MoreRecords { .. }
            | Self::OffsetDelta { .. }
            | Self::Records(_) => RejectionKind::InvalidRecord,
        }
    }

    /// The records to name in `record_errors` of a Produce response (KIP-467). There are none
    /// when it is the batch as a whole that cannot be taken.
    pub fn refused_records(&self) -> &[RefusedRecord] {
        match self {
            Self::Records(records) => records.as_slice(),
            _ => &[],
        }
    }
}

impl From<CompressionError> for Rejection {
    fn from(error: CompressionError) -> Self {
        match error {
            CompressionError::Corrupt { codec, reason } => Self::Undecompressable { codec, reason },
            CompressionError::TooLarge { limit_bytes } => {
                Self::DecompressedTooLarge { limit_bytes }
            }
        }
    }
}
