//! The checks of a whole batch, and what they found.

use super::framing::one_batch;
use super::rules::{NO_TIMESTAMP, TimestampBounds};
use super::walk::{Walked, walk};
use super::{Depth, Rejection, Rules};
use crate::compression::{Codec, Decoder};
use crate::records::source::{SliceSource, StreamSource};
use crate::{BatchHeader, CRC_FROM, HEADER_BYTES, HeaderError, crc32c};

/// A batch that may be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The batch is the first of the bytes; the rest is to be trimmed.
    pub batch_bytes: usize,
    /// As the producer wrote it.
    pub header: BatchHeader,
    /// The largest timestamp of the records, or -1. Where the header says otherwise, it is to be
    /// corrected with [`crate::stamp_max_timestamp`].
    pub max_timestamp_ms: i64,
    /// Which record has it; the last one where only the header was read.
    pub max_timestamp_offset_delta: i32,
}

impl Accepted {
    /// Whether the header declares a largest timestamp that no record has.
    pub fn has_wrong_max_timestamp(&self) -> bool {
        self.header.max_timestamp_ms != self.max_timestamp_ms
    }
}

/// Judges the records of one partition in a produce. Takes time in proportion to their bytes and
/// to what they decompress to, and holds no more of it than [`Decoder`] says.
///
/// # Errors
/// Names the first rule that the bytes break.
pub fn validate(records: &[u8], rules: &Rules) -> Result<Accepted, Rejection> {
    let batch = one_batch(records)?;
    let header = BatchHeader::parse(batch).map_err(|error| match error {
        HeaderError::Cut(_) => Rejection::NoBatch,
        HeaderError::Magic(magic) => Rejection::UnknownMagic(magic),
        HeaderError::Length(length) => Rejection::Length(length),
    })?;
    check_size(batch, rules)?;
    check_crc(batch, &header)?;
    check_header(&header)?;
    let codec = check_codec(&header, rules)?;
    let bounds = TimestampBounds::of(rules);
    let walked = match rules.depth {
        Depth::Full => walk_records(batch, codec, &header, rules, bounds)?,
        Depth::HeaderAndCrc => take_header_at_its_word(&header, bounds)?,
    };
    Ok(Accepted {
        batch_bytes: batch.len(),
        header,
        max_timestamp_ms: walked.max_timestamp_ms,
        max_timestamp_offset_delta: walked.offset_delta,
    })
}

fn check_size(batch: &[u8], rules: &Rules) -> Result<(), Rejection> {
    if batch.len() > rules.batch_bytes_max {
        return Err(Rejection::TooLarge {
            bytes: batch.len(),
            limit_bytes: rules.batch_bytes_max,
        });
    }
    Ok(())
}

fn check_crc(batch: &[u8], header: &BatchHeader) -> Result<(), Rejection> {
    let computed = crc32c(batch.get(CRC_FROM..).unwrap_or_default());
    if computed != header.crc {
        return Err(Rejection::Crc {
            declared: header.crc,
            computed,
        });
    }
    Ok(())
}

fn check_header(header: &BatchHeader) -> Result<(), Rejection> {
    if header.base_offset != 0 {
        return Err(Rejection::BaseOffset(header.base_offset));
    }
    let (count, last_delta) = (header.records_count, header.last_offset_delta);
    if count <= 0 || i64::from(last_delta) + 1 != i64::from(count) {
        return Err(Rejection::Count {
            records_count: count,
            last_offset_delta: last_delta,
        });
    }
    if header.attributes.is_control() {
        return Err(Rejection::Control);
    }
    if header.producer_id >= 0 && header.base_sequence < 0 {
        return Err(Rejection::Sequence {
            producer_id: header.producer_id,
            base_sequence: header.base_sequence,
        });
    }
    if header.attributes.is_log_append_time() {
        return Err(Rejection::LogAppendTime);
    }
    Ok(())
}

/// After the checksum: a codec that came to be on the way is damage, and clients retry damage.
fn check_codec(header: &BatchHeader, rules: &Rules) -> Result<Codec, Rejection> {
    let codec = Codec::of(header.attributes)?;
    if codec == Codec::Zstd && !rules.zstd_is_allowed {
        return Err(Rejection::ZstdTooEarly);
    }
    Ok(codec)
}

fn walk_records(
    batch: &[u8],
    codec: Codec,
    header: &BatchHeader,
    rules: &Rules,
    bounds: TimestampBounds,
) -> Result<Walked, Rejection> {
    let payload = batch.get(HEADER_BYTES..).unwrap_or_default();
    if codec == Codec::None {
        return walk(
            &mut SliceSource::new(payload),
            header,
            rules.needs_keys,
            bounds,
        );
    }
    let decoder = Decoder::open(codec, payload, rules.decompressed_bytes_max)?;
    let mut source = StreamSource::new(decoder);
    let walked = walk(&mut source, header, rules.needs_keys, bounds);
    match source.failure() {
        Some(failure) => Err(failure.into()),
        None => walked,
    }
}

fn take_header_at_its_word(
    header: &BatchHeader,
    bounds: TimestampBounds,
) -> Result<Walked, Rejection> {
    if !bounds.take(header.max_timestamp_ms) {
        return Err(Rejection::Timestamp {
            index: None,
            timestamp_ms: header.max_timestamp_ms,
            earliest_ms: bounds.earliest_ms,
            latest_ms: bounds.latest_ms,
        });
    }
    Ok(Walked {
        max_timestamp_ms: header.max_timestamp_ms.max(NO_TIMESTAMP),
        offset_delta: header.last_offset_delta,
    })
}
