//! Kafka's record batch v2: the bytes that producers send, segments hold and consumers
//! get. Knows no log and no socket.
//!
//! - [`BatchHeader`] and the `stamp` functions: what a leader reads of a batch and writes into it.
//! - [`Validation`] and [`validate`]: the one place where bytes from outside become a batch that
//!   is believed, a [`CheckedBatch`].
//! - [`Records`], [`RecordSearch`] and [`first_record_at`]: what is in a batch.
//! - [`Codec`], [`Decoder`] and [`compress`]: its compression.
//! - [`BatchBuilder`]: batches of our own.
//! - [`EndTransactionMarker`]: the control batch that ends a transaction.
//! - [`RecordPieces`] and [`BatchRewriter`]: records that stay when a log is compacted.

mod builder;
mod compression;
mod control;
mod header;
mod records;
mod rewrite;
mod validate;

pub use builder::{BatchBuilder, BuildError, NewRecord, RecordHeader};
pub use compression::{Codec, CompressionError, Decoder, Encoder, UnknownCodec, compress};
pub use control::{EndTransactionMarker, TransactionResult};
pub use header::{
    Attributes, BatchHeader, CRC_FROM, HEADER_BYTES, HeaderError, LENGTH_OVERHEAD_BYTES, MAGIC,
    crc_is_valid, crc32c, stamp, stamp_log_append_time, stamp_max_timestamp,
};
pub use records::{
    Headers, RecordError, RecordFront, RecordPieces, RecordSearch, RecordView, Records,
    first_record_at,
};
pub use rewrite::{BatchRewriter, empty_batch};
pub use validate::{
    Accepted, CheckedBatch, Depth, RefusalReason, RefusedRecord, RefusedRecords, Rejection,
    RejectionKind, Rules, Step, Validation, validate,
};
