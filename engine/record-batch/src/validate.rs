//! placeholder
use crate::{BatchHeader, crc_is_valid};
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    Full,
    HeaderAndCrc,
}
#[derive(Clone, Debug)]
pub struct Rules {
    pub batch_bytes_max: usize,
    pub decompressed_bytes_max: usize,
    pub depth: Depth,
    pub zstd_is_allowed: bool,
    pub needs_keys: bool,
    pub now_ms: i64,
    pub timestamp_after_max_ms: i64,
    pub timestamp_before_max_ms: i64,
    pub checks_timestamps: bool,
}
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    pub batch_bytes: usize,
    pub header: BatchHeader,
    pub max_timestamp_ms: i64,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectionKind {
    InvalidRecord,
    CorruptMessage,
    MessageTooLarge,
    InvalidTimestamp,
    UnsupportedCompressionType,
}
#[derive(Clone, Debug, thiserror::Error)]
#[error("{kind:?}")]
pub struct Rejection {
    kind: RejectionKind,
}
impl Rejection {
    pub fn kind(&self) -> RejectionKind {
        self.kind
    }
    pub fn record_index(&self) -> Option<i32> {
        None
    }
}
pub fn validate(records: &[u8], rules: &Rules) -> Result<Accepted, Rejection> {
    let header = BatchHeader::parse(records).map_err(|_| Rejection {
        kind: RejectionKind::InvalidRecord,
    })?;
    if records.len() > rules.batch_bytes_max {
        return Err(Rejection {
            kind: RejectionKind::MessageTooLarge,
        });
    }
    if header.size_bytes() != records.len() {
        return Err(Rejection {
            kind: RejectionKind::InvalidRecord,
        });
    }
    if !crc_is_valid(records) {
        return Err(Rejection {
            kind: RejectionKind::CorruptMessage,
        });
    }
    Ok(Accepted {
        batch_bytes: records.len(),
        header,
        max_timestamp_ms: header.max_timestamp_ms,
    })
}
