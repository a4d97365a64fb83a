//! Snappy, in the two ways that producers send it.
//!
//! Raw: the payload is one block (librdkafka, sarama, franz-go). Framed by snappy-java: a header of
//! 16 bytes, then blocks, each behind its length (Java, kafka-python). Kafka tells them apart by
//! the header, and so does this. Snappy's own framing format is neither.

use std::io::{self, Read};

use snap::raw::{Decoder, Encoder, decompress_len};

use super::{Codec, CompressionError};

const JAVA_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// The magic, a version and the oldest version that reads it, 4 bytes each.
const JAVA_HEADER_BYTES: usize = 16;
/// The most that a byte of a block decompresses to: 3 bytes copy up to 64, which is 21.3.
const EXPANSION_MAX: usize = 22;

pub(super) struct SnappyDecoder<'a> {
    /// Blocks that were not decompressed yet.
    rest: &'a [u8],
    is_framed: bool,
    block: Vec<u8>,
    at: usize,
    limit_bytes: usize,
}

impl<'a> SnappyDecoder<'a> {
    pub(super) fn open(payload: &'a [u8], limit_bytes: usize) -> Result<Self, CompressionError> {
        let is_framed = payload.starts_with(&JAVA_MAGIC);
        let rest = if is_framed {
            payload
                .get(JAVA_HEADER_BYTES..)
                .ok_or_else(|| corrupt("its header is cut"))?
        } else {
            payload
        };
        Ok(Self {
            rest,
            is_framed,
            block: Vec::new(),
            at: 0,
            limit_bytes,
        })
    }

    /// Decompresses the next block; false behind the last.
    fn next_block(&mut self) -> Result<bool, CompressionError> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        let block = if self.is_framed {
            let cut = || corrupt("a block is cut");
            let (len, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
            let len = usize::try_from(i32::from_be_bytes(*len))
                .map_err(|_| corrupt("a block has a negative length"))?;
            let (block, rest) = rest.split_at_checked(len).ok_or_else(cut)?;
            self.rest = rest;
            block
        } else {
            std::mem::take(&mut self.rest)
        };
        let declared = decompress_len(block).map_err(corrupt)?;
        // Nothing is allocated from what the block declares before it was found to be possible.
        if declared / EXPANSION_MAX > block.len() {
            return Err(corrupt("a block declares more than it can hold"));
        }
        if declared > self.limit_bytes {
            return Err(CompressionError::TooLarge {
                limit_bytes: self.limit_bytes,
            });
        }
        self.at = 0;
        self.block.resize(declared, 0);
        let len = Decoder::new()
            .decompress(block, &mut self.block)
            .map_err(corrupt)?;
        self.block.truncate(len);
        Ok(true)
    }
}

fn corrupt(reason: impl ToString) -> CompressionError {
    CompressionError::corrupt(Codec::Snappy, reason)
}

impl Read for SnappyDecoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // Blocks may be empty: go on to one that is not.
        while self.at >= self.block.len() {
            if !self.next_block().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let mut left = self.block.get(self.at..).unwrap_or_default();
        let count = left.read(out)?;
        self.at += count;
        Ok(count)
    }
}

/// One raw block.
pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let block = Encoder::new().compress_vec(bytes)?;
    out.extend_from_slice(&block);
    Ok(())
}
