//! Snappy, in the two ways that producers send it.
//!
//! Raw: the payload is one block (librdkafka, sarama, franz-go). Framed by snappy-java: a header of
//! 16 bytes, then blocks, each after its length (Java, kafka-python). Kafka tells them apart by
//! the header, and so does this. Snappy's own framing format is neither.

use std::io::{self, Read, Write};

use snap::raw::{Decoder, Encoder, decompress_len};

use super::{Codec, CompressionError};

const JAVA_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
/// The magic, a version and the oldest version that reads it, 4 bytes each.
const JAVA_HEADER_BYTES: usize = 16;
/// The most that a byte of a block decompresses to: 3 bytes copy up to 64, which is 21.3.
const EXPANSION_MAX: usize = 22;

pub(super) struct SnappyDecoder<B> {
    payload: B,
    /// Where the blocks begin that were not decompressed yet.
    next: usize,
    is_framed: bool,
    block: Vec<u8>,
    at: usize,
    limit_bytes: usize,
}

/// What decompressing holds at most: the largest block.
pub(super) fn memory_bytes(payload: &[u8]) -> usize {
    if !payload.starts_with(&JAVA_MAGIC) {
        return bounded_len(payload).unwrap_or(0);
    }
    let mut largest = 0;
    let mut rest = payload.get(JAVA_HEADER_BYTES..).unwrap_or_default();
    while let Some((block, after)) = framed_block(rest) {
        largest = largest.max(bounded_len(block).unwrap_or(0));
        rest = after;
    }
    largest
}

/// A block of snappy-java's, and what is after it; `None` where it is cut.
fn framed_block(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = rest.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(i32::from_be_bytes(*len)).ok()?)
}

/// What a block decompresses to, if it can hold that much.
fn bounded_len(block: &[u8]) -> Result<usize, CompressionError> {
    let declared = decompress_len(block).map_err(corrupt)?;
    // Nothing is allocated from what the block declares before it was found to be possible.
    if declared / EXPANSION_MAX > block.len() {
        return Err(corrupt("a block declares more than it can hold"));
    }
    Ok(declared)
}

impl<B: AsRef<[u8]>> SnappyDecoder<B> {
    pub(super) fn open(payload: B, limit_bytes: usize) -> Result<Self, CompressionError> {
        let is_framed = payload.as_ref().starts_with(&JAVA_MAGIC);
        let next = if is_framed { JAVA_HEADER_BYTES } else { 0 };
        if payload.as_ref().len() < next {
            return Err(corrupt("its header is cut"));
        }
        Ok(Self {
            payload,
            next,
            is_framed,
            block: Vec::new(),
            at: 0,
            limit_bytes,
        })
    }

    /// Decompresses the next block; false after the last.
    fn next_block(&mut self) -> Result<bool, CompressionError> {
        let rest = self.payload.as_ref().get(self.next..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(false);
        }
        let block = if self.is_framed {
            let (block, after) = framed_block(rest).ok_or_else(|| corrupt("a block is cut"))?;
            self.next = self.payload.as_ref().len() - after.len();
            block
        } else {
            self.next = self.payload.as_ref().len();
            rest
        };
        let declared = bounded_len(block)?;
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

impl<B: AsRef<[u8]>> Read for SnappyDecoder<B> {
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

/// What snappy-java takes into a block.
const JAVA_BLOCK_BYTES: usize = 32 << 10;
/// The version that is written, and the oldest that reads it.
const JAVA_VERSIONS: [u8; 8] = [0, 0, 0, 1, 0, 0, 0, 1];

/// Writes snappy-java's blocks, as Kafka's Java producers do: a raw block is made of all at
/// once.
pub(super) struct SnappyEncoder {
    out: Vec<u8>,
    block: Vec<u8>,
}

impl SnappyEncoder {
    pub(super) fn new(mut out: Vec<u8>) -> Self {
        out.extend_from_slice(&JAVA_MAGIC);
        out.extend_from_slice(&JAVA_VERSIONS);
        let block = Vec::with_capacity(JAVA_BLOCK_BYTES);
        Self { out, block }
    }

    fn end_block(&mut self) -> io::Result<()> {
        let block = Encoder::new().compress_vec(&self.block)?;
        self.out
            .extend_from_slice(&(block.len() as i32).to_be_bytes());
        self.out.extend_from_slice(&block);
        self.block.clear();
        Ok(())
    }

    pub(super) fn finish(mut self) -> io::Result<Vec<u8>> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok(self.out)
    }
}

impl Write for SnappyEncoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(JAVA_BLOCK_BYTES - self.block.len());
        self.block
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        if self.block.len() == JAVA_BLOCK_BYTES {
            self.end_block()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One raw block.
pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let block = Encoder::new().compress_vec(bytes)?;
    out.extend_from_slice(&block);
    Ok(())
}
