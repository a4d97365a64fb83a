//! The batches of a segment file, one after the other, each with a word on whether it is whole.
//!
//! Naru's segments and Kafka's are the same here: record batches from byte 0 on, and in a file that
//! is still being written zeros after them.

use std::io::{self, Read};

use bytes::Bytes;
use naru_record_batch::{BatchHeader, HEADER_BYTES, HeaderError, crc_is_valid};

/// No batch is larger; a length beyond this is damage.
const BATCH_BYTES_MAX: usize = 1 << 30;

/// A batch, and where it begins in the file.
#[derive(Debug)]
pub struct Batch {
    pub position: u64,
    pub header: BatchHeader,
    pub bytes: Bytes,
    pub is_valid: bool,
}

/// Why a file cannot be read further.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("at byte {position}: {reason}")]
    Damaged { position: u64, reason: String },
}

/// Reads batches until the records end.
#[derive(Debug)]
pub struct Batches<R> {
    source: R,
    position: u64,
    is_done: bool,
}

impl<R: Read> Batches<R> {
    pub fn new(source: R) -> Self {
        Self {
            source,
            position: 0,
            is_done: false,
        }
    }

    fn read(&mut self) -> Result<Option<Batch>, SegmentError> {
        let position = self.position;
        let damaged = |reason: String| SegmentError::Damaged { position, reason };
        let mut bytes = Vec::new();
        self.fill(&mut bytes, HEADER_BYTES)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header =
            BatchHeader::parse(&bytes).map_err(|error: HeaderError| damaged(error.to_string()))?;
        let size = header.size_bytes();
        if size > BATCH_BYTES_MAX {
            return Err(damaged(format!("a batch announces {size} bytes")));
        }
        self.fill(&mut bytes, size - HEADER_BYTES)?;
        if bytes.len() < size {
            let there = bytes.len();
            return Err(damaged(format!(
                "a batch of {size} bytes is cut after {there}"
            )));
        }
        self.position += size as u64;
        Ok(Some(Batch {
            position,
            header,
            is_valid: crc_is_valid(&bytes),
            bytes: bytes.into(),
        }))
    }

    /// Memory grows with what the file has, not with what a length says.
    fn fill(&mut self, bytes: &mut Vec<u8>, count: usize) -> io::Result<()> {
        let mut wanted = (&mut self.source).take(count as u64);
        wanted.read_to_end(bytes).map(|_| ())
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = Result<Batch, SegmentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let batch = self.read().transpose();
        self.is_done = !matches!(batch, Some(Ok(_)));
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use naru_record_batch::{BatchBuilder, Codec};

    fn batch() -> Vec<u8> {
        let mut builder = BatchBuilder::new(Codec::None);
        builder.push_pair(7, Some(b"k"), Some(b"v"));
        builder.build().unwrap()
    }

    #[test]
    fn batches_are_read_up_to_the_zeros() {
        let file = [batch(), batch(), vec![0; 4096]].concat();
        let found: Vec<Batch> = Batches::new(&file[..]).map(Result::unwrap).collect();
        let positions: Vec<u64> = found.iter().map(|batch| batch.position).collect();
        assert_eq!(positions, [0, batch().len() as u64]);
        assert!(found.iter().all(|batch| batch.is_valid));
    }

    #[test]
    fn a_wrong_checksum_is_told_and_a_cut_batch_ends_the_reading() {
        let mut file = [batch(), batch()].concat();
        file[HEADER_BYTES] ^= 1;
        file.pop();
        let mut found = Batches::new(&file[..]);
        assert!(!found.next().unwrap().unwrap().is_valid);
        let error = found.next().unwrap().unwrap_err();
        assert!(error.to_string().contains("is cut"), "{error}");
        assert!(found.next().is_none());
    }
}
