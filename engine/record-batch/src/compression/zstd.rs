//! zstd (KIP-110): frames one after the other.

use std::io::{self, Cursor, Read};

use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use super::{Codec, CompressionError};

/// 128 MiB, what the decoders of Java and librdkafka take; the highest compression levels ask for
/// it. A frame declares its window, and memory is touched only as far as it is filled.
const WINDOW_LOG_MAX: u32 = 27;

/// The level of Kafka's producers.
const LEVEL: i32 = 3;

pub(super) struct ZstdDecoder<B: AsRef<[u8]>>(Decoder<'static, Cursor<B>>);

impl<B: AsRef<[u8]>> ZstdDecoder<B> {
    pub(super) fn open(payload: B) -> Result<Self, CompressionError> {
        let corrupt = |error: io::Error| CompressionError::corrupt(Codec::Zstd, error);
        let mut decoder = Decoder::with_buffer(Cursor::new(payload)).map_err(corrupt)?;
        decoder.window_log_max(WINDOW_LOG_MAX).map_err(corrupt)?;
        Ok(Self(decoder))
    }
}

impl<B: AsRef<[u8]>> Read for ZstdDecoder<B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

/// What decompressing holds at most: the largest window that a frame declares (RFC 8878,
/// 3.1.1.1), and as many blocks as zstd keeps around it.
pub(super) fn memory_bytes(payload: &[u8]) -> usize {
    const OVERHEAD_BYTES: usize = 512 << 10;
    let mut window_max = 0;
    let mut rest = payload;
    // A frame that cannot be read ends the decompression as well.
    while let (Some(window), Ok(size)) = (
        window_bytes(rest),
        ::zstd::zstd_safe::find_frame_compressed_size(rest),
    ) {
        window_max = window_max.max(window);
        rest = rest.get(size.max(1)..).unwrap_or_default();
    }
    window_max
        .max(window_bytes(rest).unwrap_or(0))
        .min(1 << WINDOW_LOG_MAX)
        + OVERHEAD_BYTES
}

/// The window of the frame that `frame` begins with; a skippable frame has none.
fn window_bytes(frame: &[u8]) -> Option<usize> {
    const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    const SINGLE_SEGMENT: u8 = 0x20;
    let Some(rest) = frame.strip_prefix(&MAGIC) else {
        return (!frame.is_empty()).then_some(0);
    };
    let (descriptor, rest) = rest.split_first()?;
    if descriptor & SINGLE_SEGMENT != 0 {
        let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_bytes = 1 << (descriptor >> 6);
        let size = rest.get(dictionary_bytes..)?.get(..size_bytes)?;
        let mut wide = [0; 8];
        wide[..size_bytes].copy_from_slice(size);
        let offset = if size_bytes == 2 { 256 } else { 0 };
        let size = u64::from_le_bytes(wide).saturating_add(offset);
        return Some(usize::try_from(size).unwrap_or(usize::MAX));
    }
    let window = *rest.first()?;
    let base = 1_usize << (10 + (window >> 3));
    Some(base + base / 8 * usize::from(window & 7))
}

pub(super) fn encoder<W: io::Write>(out: W) -> io::Result<Encoder<'static, W>> {
    Encoder::new(out, LEVEL)
}

pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    zstd::stream::copy_encode(bytes, out, LEVEL)
}
