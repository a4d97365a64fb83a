//! Kafka's record batch v2: the bytes that producers send, segments hold and consumers
//! get. Knows no log and no socket.

mod header;
mod records;
mod validate;

pub use header::{
    Attributes, BatchHeader, CRC_FROM, HEADER_BYTES, HeaderError, LENGTH_OVERHEAD_BYTES, MAGIC,
    crc_is_valid, crc32c, stamp, stamp_log_append_time, stamp_max_timestamp,
};
pub use records::first_record_at;
pub use validate::{Accepted, Depth, Rejection, RejectionKind, Rules, validate};
