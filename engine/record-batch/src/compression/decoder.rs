//! A payload of any codec, decompressed as it is read, up to a limit.
//!
//! Memory: gzip 32 KiB; lz4 its block, at most 8 MiB for the two buffers of a 4 MiB block; zstd its
//! window, at most 128 MiB and never more than what it gave out; raw snappy the whole payload,
//! which is at most 22 times the compressed one and never more than the limit.

use std::io::{self, Cursor, Read};

use super::gzip::GzipDecoder;
use super::lz4::Lz4Decoder;
use super::snappy::SnappyDecoder;
use super::zstd::ZstdDecoder;
use super::{Codec, CompressionError, gzip, lz4, snappy, zstd};

/// Reads what a payload decompresses to. Gives an error, not a silent end, when the payload is cut,
/// when it goes on after its end, and when it decompresses to more than the limit.
pub struct Decoder<B: AsRef<[u8]>> {
    inner: Inner<B>,
    codec: Codec,
    produced_bytes: usize,
    limit_bytes: usize,
    is_done: bool,
}

enum Inner<B: AsRef<[u8]>> {
    None(Cursor<B>),
    Gzip(Box<GzipDecoder<B>>),
    Snappy(SnappyDecoder<B>),
    Lz4(Box<Lz4Decoder<B>>),
    Zstd(ZstdDecoder<B>),
}

/// What decompressing `payload` holds at most, in bytes; and, for raw snappy, what it
/// decompresses in one go.
pub(crate) fn memory_bytes(codec: Codec, payload: &[u8]) -> usize {
    match codec {
        Codec::None => 0,
        Codec::Gzip => gzip::MEMORY_BYTES,
        Codec::Snappy => snappy::memory_bytes(payload),
        Codec::Lz4 => lz4::memory_bytes(payload),
        Codec::Zstd => zstd::memory_bytes(payload),
    }
}

impl<B: AsRef<[u8]>> Decoder<B> {
    /// # Errors
    /// When the payload cannot be one of this codec, seen from its first bytes.
    pub fn open(codec: Codec, payload: B, limit_bytes: usize) -> Result<Self, CompressionError> {
        let inner = match codec {
            Codec::None => Inner::None(Cursor::new(payload)),
            Codec::Gzip => Inner::Gzip(Box::new(GzipDecoder::new(payload))),
            Codec::Snappy => Inner::Snappy(SnappyDecoder::open(payload, limit_bytes)?),
            Codec::Lz4 => Inner::Lz4(Box::new(Lz4Decoder::open(payload)?)),
            Codec::Zstd => Inner::Zstd(ZstdDecoder::open(payload)?),
        };
        Ok(Self {
            inner,
            codec,
            produced_bytes: 0,
            limit_bytes,
            is_done: false,
        })
    }

    /// What an error of [`Read`] stands for.
    pub fn explain(&self, error: io::Error) -> CompressionError {
        match error.downcast::<CompressionError>() {
            Ok(own) => own,
            Err(error) => CompressionError::corrupt(self.codec, error),
        }
    }
}

impl<B: AsRef<[u8]>> Read for Decoder<B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.is_done || out.is_empty() {
            return Ok(0);
        }
        let count = match &mut self.inner {
            Inner::None(rest) => rest.read(out),
            Inner::Gzip(decoder) => decoder.read(out),
            Inner::Snappy(decoder) => decoder.read(out),
            Inner::Lz4(decoder) => decoder.read(out),
            Inner::Zstd(decoder) => decoder.read(out),
        }?;
        self.is_done = count == 0;
        self.produced_bytes += count;
        if self.produced_bytes > self.limit_bytes {
            return Err(io::Error::other(CompressionError::TooLarge {
                limit_bytes: self.limit_bytes,
            }));
        }
        Ok(count)
    }
}
