//! The codecs of a batch's records, one file each, and a decoder that streams any of them.

mod codec;
mod decoder;
mod encoder;
mod error;
mod gzip;
mod lz4;
mod snappy;
mod zstd;

pub use codec::{Codec, UnknownCodec};
pub use decoder::Decoder;
pub(crate) use decoder::memory_bytes;
pub use encoder::Encoder;
pub use error::CompressionError;

use std::io;

/// Appends `bytes`, compressed, to `out`.
///
/// # Errors
/// When the codec refuses the input; snappy takes at most 4 GiB.
pub fn compress(codec: Codec, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    match codec {
        Codec::None => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Codec::Gzip => gzip::compress(bytes, out),
        Codec::Snappy => snappy::compress(bytes, out),
        Codec::Lz4 => lz4::compress(bytes, out),
        Codec::Zstd => zstd::compress(bytes, out),
    }
}

#[cfg(test)]
mod tests;
