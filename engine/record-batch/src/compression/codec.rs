//! The numbers that a batch's attributes give to codecs.

use std::fmt;

use crate::Attributes;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Codec {
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    /// Since KIP-110 (Produce v7, Fetch v10).
    Zstd = 4,
}

/// Bits 0–2 of the attributes name no codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("codec {0} is not one of none (0), gzip (1), snappy (2), lz4 (3), zstd (4)")]
pub struct UnknownCodec(pub i8);

impl Codec {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// # Errors
    /// When the attributes hold a number that Kafka has not given out.
    pub fn of(attributes: Attributes) -> Result<Self, UnknownCodec> {
        match attributes.compression() {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            other => Err(UnknownCodec(other)),
        }
    }

    /// Its bits in a batch's attributes.
    pub fn bits(self) -> i16 {
        self as i16
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}
