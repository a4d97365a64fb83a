//! gzip: one member, all of the payload.
//!
//! Java would read several members one after the other, librdkafka the first alone: a payload that
//! consumers read differently is refused.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::{Codec, CompressionError};

pub(super) struct GzipDecoder<'a>(GzDecoder<&'a [u8]>);

impl<'a> GzipDecoder<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self(GzDecoder::new(payload))
    }
}

impl Read for GzipDecoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(out)?;
        if count == 0 && !self.0.get_ref().is_empty() {
            let reason = "bytes lie behind its end";
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
