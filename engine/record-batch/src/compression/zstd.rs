//! zstd (KIP-110): frames one after the other.

use std::io::{self, Read};

use zstd::stream::read::Decoder;

use super::{Codec, CompressionError};

/// 128 MiB, what the decoders of Java and librdkafka take; the highest compression levels ask for
/// it. A frame declares its window, and memory is touched only as far as it is filled.
const WINDOW_LOG_MAX: u32 = 27;

/// The level of Kafka's producers.
const LEVEL: i32 = 3;

pub(super) struct ZstdDecoder<'a>(Decoder<'static, &'a [u8]>);

impl<'a> ZstdDecoder<'a> {
    pub(super) fn open(payload: &'a [u8]) -> Result<Self, CompressionError> {
        let corrupt = |error: io::Error| CompressionError::corrupt(Codec::Zstd, error);
        let mut decoder = Decoder::with_buffer(payload).map_err(corrupt)?;
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(corrupt)?;
        Ok(Self(decoder))
    }
}

impl Read for ZstdDecoder<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    zstd::stream::copy_encode(bytes, out, LEVEL)
}
