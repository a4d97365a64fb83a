//! LZ4's frame format, as far as Kafka's clients read it: one frame of independent blocks.
//!
//! The Java client fails on linked blocks, legacy and skippable frames; they are refused here,
//! before a consumer meets them.

use std::io::{self, Cursor, Read, Write};

use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{Codec, CompressionError};

const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
const FLAGS_AT: usize = 4;
const VERSION_MASK: u8 = 0b1100_0000;
const VERSION: u8 = 0b0100_0000;
const INDEPENDENT_BLOCKS: u8 = 0b0010_0000;

pub(super) struct Lz4Decoder<B: AsRef<[u8]>>(FrameDecoder<Input<B>>);

/// Remembers that more was asked of it than there is: the decoder takes a frame that is cut between
/// two blocks for a whole one.
struct Input<B> {
    bytes: Cursor<B>,
    is_cut: bool,
}

impl<B: AsRef<[u8]>> Input<B> {
    fn left_bytes(&self) -> usize {
        let len = self.bytes.get_ref().as_ref().len();
        len.saturating_sub(self.bytes.position() as usize)
    }
}

impl<B: AsRef<[u8]>> Read for Input<B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.is_cut |= self.left_bytes() < out.len();
        self.bytes.read(out)
    }
}

/// What decompressing holds at most: a block as it came, and one as it was.
pub(super) fn memory_bytes(payload: &[u8]) -> usize {
    let code = payload.get(FLAGS_AT + 1).map_or(0, |byte| byte >> 4 & 7);
    // Codes 4 to 7 stand for 64 KiB to 4 MiB; anything else is refused.
    2 << (8 + 2 * code.clamp(4, 7))
}

impl<B: AsRef<[u8]>> Lz4Decoder<B> {
    pub(super) fn open(owner: B) -> Result<Self, CompressionError> {
        let payload = owner.as_ref();
        let refuse = |reason| Err(CompressionError::corrupt(Codec::Lz4, reason));
        if !payload.starts_with(&MAGIC) {
            return refuse("it does not begin with a frame");
        }
        match payload.get(FLAGS_AT) {
            Some(flags) if flags & VERSION_MASK != VERSION => return refuse("unknown version"),
            Some(flags) if flags & INDEPENDENT_BLOCKS == 0 => {
                return refuse("its blocks are linked, which Kafka's clients do not read");
            }
            _ => {}
        }
        Ok(Self(FrameDecoder::new(Input {
            bytes: Cursor::new(owner),
            is_cut: false,
        })))
    }
}

impl<B: AsRef<[u8]>> Read for Lz4Decoder<B> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(out)?;
        if count > 0 {
            return Ok(count);
        }
        let input = self.0.get_ref();
        let reason = if input.is_cut {
            "the frame is cut"
        } else if input.left_bytes() > 0 {
            "bytes follow its end"
        } else {
            return Ok(0);
        };
        Err(io::Error::other(CompressionError::corrupt(
            Codec::Lz4,
            reason,
        )))
    }
}

/// In blocks of 64 KiB, as Kafka's own producers do.
pub(super) fn encoder<W: Write>(out: W) -> FrameEncoder<W> {
    let info = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB);
    FrameEncoder::with_frame_info(info, out)
}

pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = encoder(out);
    encoder.write_all(bytes)?;
    encoder.finish()?;
    Ok(())
}
