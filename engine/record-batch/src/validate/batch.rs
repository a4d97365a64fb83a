//! The checks of a whole batch, in steps, and what they found.

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};

use super::framing::one_batch;
use super::rules::{NO_TIMESTAMP, TimestampBounds};
use super::walk::Walk;
use super::{CheckedBatch, Depth, Rejection, Rules};
use crate::compression::{Codec, Decoder, memory_bytes};
use crate::records::source::StreamSource;
use crate::records::stream::RecordSteps;
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

/// Judges the records of one partition in a produce, in one go. Takes time in proportion to
/// their bytes and to what they decompress to, and holds no more of it than [`Decoder`] says.
///
/// # Errors
/// Names the first rule that the bytes break.
pub fn validate(records: &[u8], rules: &Rules) -> Result<Accepted, Rejection> {
    let mut check = Check::start(records, rules)?;
    loop {
        if let Some(verdict) = check.advance(usize::MAX) {
            return verdict;
        }
    }
}

/// The same in steps, for whoever has others to look after: it may be put aside after each,
/// and taken up again on another thread.
pub struct Validation(Check<Bytes>);

/// How far a [`Validation`] is.
#[derive(Debug)]
pub enum Step {
    Pending,
    Done(Result<CheckedBatch, Rejection>),
}

impl Validation {
    /// # Errors
    /// When it is no batch, or too large a one.
    pub fn start(records: Bytes, rules: &Rules) -> Result<Self, Rejection> {
        Check::start(records, rules).map(Self)
    }

    /// Goes on for about `budget_bytes` of the batch, or of what it decompresses to; a
    /// decompressor's block is not divided. Not to be called again once it is done.
    pub fn step(&mut self, budget_bytes: usize) -> Step {
        let Some(verdict) = self.0.advance(budget_bytes) else {
            return Step::Pending;
        };
        Step::Done(verdict.map(|accepted| CheckedBatch::new(&self.0.records, accepted)))
    }

    pub fn batch_bytes(&self) -> usize {
        self.0.batch_bytes
    }

    /// What the decompressor holds at most while this is under way, in bytes; 0 for a batch
    /// that is not compressed. Takes a look at every block or frame of the payload.
    pub fn memory_bytes(&self) -> usize {
        let reads_records = self.0.rules.depth == Depth::Full;
        match Codec::of(self.0.header.attributes) {
            Ok(codec) if reads_records => {
                memory_bytes(codec, self.0.payload()).min(self.0.rules.decompressed_bytes_max)
            }
            _ => 0,
        }
    }

    /// Whether its decompressor gives out less than a block at a time: snappy and lz4 do not.
    pub fn divides_blocks(&self) -> bool {
        let codec = Codec::of(self.0.header.attributes);
        !matches!(codec, Ok(Codec::Snappy | Codec::Lz4))
    }

    /// Whether the records are compressed: then their bytes do not tell how long it takes.
    pub fn is_compressed(&self) -> bool {
        self.0.header.attributes.compression() != 0
    }
}

/// A check that is under way.
struct Check<B: AsRef<[u8]>> {
    records: B,
    batch_bytes: usize,
    header: BatchHeader,
    rules: Rules,
    stage: Stage<B>,
}

enum Stage<B: AsRef<[u8]>> {
    /// The checksum, up to this byte of the batch.
    Crc(Option<Box<(usize, Digest)>>),
    /// Records in memory, up to this byte of the payload.
    Plain(Walk, usize),
    Compressed(Walk, Box<StreamSource<B>>, RecordSteps),
    Done,
}

/// What came of going on.
enum Moved<B: AsRef<[u8]>> {
    On(Stage<B>),
    Through(Accepted),
}

/// A part of what the caller owns, or of a slice that outlives the check.
trait Part: AsRef<[u8]> + Sized {
    fn part(&self, from: usize, to: usize) -> Self;
}

impl Part for Bytes {
    fn part(&self, from: usize, to: usize) -> Self {
        self.slice(from..to)
    }
}

impl Part for &[u8] {
    fn part(&self, from: usize, to: usize) -> Self {
        self.get(from..to).unwrap_or_default()
    }
}

impl<B: Part> Check<B> {
    fn start(records: B, rules: &Rules) -> Result<Self, Rejection> {
        let batch = one_batch(records.as_ref())?;
        let header = BatchHeader::parse(batch).map_err(|error| match error {
            HeaderError::Cut(_) => Rejection::NoBatch,
            HeaderError::Magic(magic) => Rejection::UnknownMagic(magic),
            HeaderError::Length(length) => Rejection::Length(length),
        })?;
        check_size(batch, rules)?;
        Ok(Self {
            batch_bytes: batch.len(),
            records,
            header,
            rules: *rules,
            stage: Stage::Crc(None),
        })
    }

    fn payload(&self) -> &[u8] {
        let records = self.records.as_ref();
        records
            .get(HEADER_BYTES..self.batch_bytes)
            .unwrap_or_default()
    }

    /// Goes on for about `budget_bytes`; the verdict once there is one.
    fn advance(&mut self, budget_bytes: usize) -> Option<Result<Accepted, Rejection>> {
        let mut left_bytes = budget_bytes;
        loop {
            let stage = std::mem::replace(&mut self.stage, Stage::Done);
            match self.advance_from(stage, &mut left_bytes) {
                Ok(Moved::On(stage)) => self.stage = stage,
                Ok(Moved::Through(accepted)) => return Some(Ok(accepted)),
                Err(rejection) => return Some(Err(rejection)),
            }
            if left_bytes == 0 {
                return None;
            }
        }
    }

    /// Goes on within one stage. What is left of the budget is 0 where the stage was not
    /// gone through.
    fn advance_from(&self, stage: Stage<B>, left_bytes: &mut usize) -> Result<Moved<B>, Rejection> {
        let budget_bytes = *left_bytes;
        match stage {
            Stage::Crc(so_far) => self.advance_crc(so_far, left_bytes),
            Stage::Plain(mut walk, mut at) => {
                if walk.read_slice(self.payload(), &mut at, budget_bytes)? {
                    return Ok(Moved::Through(self.accepted(&walk)));
                }
                *left_bytes = 0;
                Ok(Moved::On(Stage::Plain(walk, at)))
            }
            Stage::Compressed(mut walk, mut source, mut steps) => {
                let read = walk.read_stream(&mut source, &mut steps, budget_bytes);
                if let Some(failure) = source.take_failure() {
                    return Err(failure.into());
                }
                if read? {
                    return Ok(Moved::Through(self.accepted(&walk)));
                }
                *left_bytes = 0;
                Ok(Moved::On(Stage::Compressed(walk, source, steps)))
            }
            Stage::Done => unreachable!("a check that is done is not taken up again"),
        }
    }

    fn advance_crc(
        &self,
        so_far: Option<Box<(usize, Digest)>>,
        left_bytes: &mut usize,
    ) -> Result<Moved<B>, Rejection> {
        let records = self.records.as_ref();
        let batch = records.get(..self.batch_bytes).unwrap_or_default();
        let computed = match so_far {
            None if batch.len() <= *left_bytes => {
                *left_bytes -= batch.len();
                crc32c(batch.get(CRC_FROM..).unwrap_or_default())
            }
            so_far => {
                let start = || Box::new((CRC_FROM, Digest::new(CrcAlgorithm::Crc32Iscsi)));
                let (at, mut digest) = *so_far.unwrap_or_else(start);
                let to = at.saturating_add(*left_bytes).min(batch.len());
                digest.update(batch.get(at..to).unwrap_or_default());
                *left_bytes -= to - at;
                if to < batch.len() {
                    return Ok(Moved::On(Stage::Crc(Some(Box::new((to, digest))))));
                }
                digest.finalize() as u32
            }
        };
        if computed != self.header.crc {
            let declared = self.header.crc;
            return Err(Rejection::Crc { declared, computed });
        }
        check_header(&self.header)?;
        let codec = check_codec(&self.header, &self.rules)?;
        if self.rules.depth == Depth::HeaderAndCrc {
            return self.take_header_at_its_word().map(Moved::Through);
        }
        let walk = Walk::new(&self.header, &self.rules);
        if codec == Codec::None {
            return Ok(Moved::On(Stage::Plain(walk, 0)));
        }
        let payload = self.records.part(HEADER_BYTES, self.batch_bytes);
        let decoder = Decoder::open(codec, payload, self.rules.decompressed_bytes_max)?;
        let source = Box::new(StreamSource::new(decoder));
        let steps = RecordSteps::default();
        Ok(Moved::On(Stage::Compressed(walk, source, steps)))
    }

    fn take_header_at_its_word(&self) -> Result<Accepted, Rejection> {
        let bounds = TimestampBounds::of(&self.rules);
        let timestamp_ms = self.header.max_timestamp_ms;
        if !bounds.take(timestamp_ms) {
            return Err(Rejection::Timestamp {
                timestamp_ms,
                earliest_ms: bounds.earliest_ms,
                latest_ms: bounds.latest_ms,
            });
        }
        Ok(Accepted {
            batch_bytes: self.batch_bytes,
            header: self.header,
            max_timestamp_ms: timestamp_ms.max(NO_TIMESTAMP),
            max_timestamp_offset_delta: self.header.last_offset_delta,
        })
    }

    fn accepted(&self, walk: &Walk) -> Accepted {
        Accepted {
            batch_bytes: self.batch_bytes,
            header: self.header,
            max_timestamp_ms: walk.max_timestamp_ms,
            max_timestamp_offset_delta: walk.offset_delta,
        }
    }
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
