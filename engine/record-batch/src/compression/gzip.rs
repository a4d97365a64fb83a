//! gzip: one member, all of the payload.
//!
//! Java would read several members one after the other, librdkafka the first alone: a payload that
//! consumers read differently is refused.

use std::io::{self, BufRead, Cursor, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::{Codec, CompressionError};

/// What decompressing holds at most: deflate's window, and its tables.
pub(super) const MEMORY_BYTES: usize = 64 << 10;

pub(super) struct GzipDecoder<B>(GzDecoder<Cursor<B>>);

impl<B: AsRef<[u8]>> GzipDecoder<B> {
    pub(super) fn new(payload: B) -> Self {
        Self(GzDecoder::new(Cursor::new(payload)))
    }
}

impl<B: AsRef<[u8]>> Read for GzipDecoder<B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(out)?;
        if count == 0 && !self.0.get_mut().fill_buf()?.is_empty() {
            let reason = "bytes follow its end";
            return Err(io::Error::other(CompressionError::corrupt(
                Codec::Gzip,
                reason,
            )));
        }
        Ok(count)
    }
}

pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(out, Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}
