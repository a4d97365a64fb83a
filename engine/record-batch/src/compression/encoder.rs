//! Compresses what is written to it, of any codec, without holding it whole.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use lz4_flex::frame::FrameEncoder;

use super::snappy::SnappyEncoder;
use super::{Codec, lz4, zstd};

/// Gives a payload that [`super::Decoder`] reads. Memory: what it gives out, and what the
/// codec keeps: a block of at most 64 KiB, zstd's window of 2 MiB.
pub struct Encoder(Inner);

enum Inner {
    None(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Snappy(SnappyEncoder),
    Lz4(Box<FrameEncoder<Vec<u8>>>),
    Zstd(::zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// Appends to `out`.
    pub fn new(codec: Codec, out: Vec<u8>) -> io::Result<Self> {
        Ok(Self(match codec {
            Codec::None => Inner::None(out),
            Codec::Gzip => Inner::Gzip(GzEncoder::new(out, Compression::default())),
            Codec::Snappy => Inner::Snappy(SnappyEncoder::new(out)),
            Codec::Lz4 => Inner::Lz4(Box::new(lz4::encoder(out))),
            Codec::Zstd => Inner::Zstd(zstd::encoder(out)?),
        }))
    }

    /// Ends the payload, and gives back what it was appended to.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Inner::None(out) => Ok(out),
            Inner::Gzip(encoder) => encoder.finish(),
            Inner::Snappy(encoder) => encoder.finish(),
            Inner::Lz4(encoder) => encoder.finish().map_err(io::Error::other),
            Inner::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl Write for Encoder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::None(out) => out.write(bytes),
            Inner::Gzip(encoder) => encoder.write(bytes),
            Inner::Snappy(encoder) => encoder.write(bytes),
            Inner::Lz4(encoder) => encoder.write(bytes),
            Inner::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read;

    use super::super::Decoder;
    use super::*;

    #[test]
    fn what_was_written_in_any_pieces_is_read_again() {
        let bytes: Vec<u8> = (0..300_000u32)
            .map(|n| (n / 7).wrapping_mul(n) as u8)
            .collect();
        for codec in Codec::ALL {
            for piece_bytes in [1_000, 32 << 10, bytes.len()] {
                let mut encoder = Encoder::new(codec, b"before".to_vec()).unwrap();
                for piece in bytes.chunks(piece_bytes) {
                    encoder.write_all(piece).unwrap();
                }
                let out = encoder.finish().unwrap();
                let payload = out.strip_prefix(b"before").unwrap();
                let mut read = Vec::new();
                let mut decoder = Decoder::open(codec, payload, usize::MAX).unwrap();
                decoder.read_to_end(&mut read).unwrap();
                assert!(read == bytes, "{codec}, {piece_bytes} at a time");
            }
        }
    }
}
