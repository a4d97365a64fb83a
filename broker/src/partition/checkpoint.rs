//! What a partition keeps in its log's checkpoint, and in the snapshot of each segment: its
//! high watermark, and the snapshot of its producers.
//!
//! ```text
//! magic 8 | version 2 | high watermark 8 | producers ...      (little endian)
//! ```
//!
//! Version 0 had no header: all of it was the producers' snapshot. It is read for ever.

use bytes::Bytes;

const MAGIC: [u8; 8] = *b"NaruPart";
const VERSION: u16 = 1;

/// The part of a partition's checkpoint that is not the log's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpointed<'a> {
    /// `None` in version 0.
    pub high_watermark: Option<i64>,
    /// See `Producers`; empty where there is none.
    pub producers: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    #[error("the partition's checkpoint has version {0}; this broker reads up to {VERSION}")]
    UnknownVersion(u16),
    #[error("the partition's checkpoint is cut short")]
    Short,
}

impl<'a> Checkpointed<'a> {
    pub fn encode(high_watermark: i64, producers: &[u8]) -> Bytes {
        let mut bytes = Vec::with_capacity(MAGIC.len() + 10 + producers.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&high_watermark.to_le_bytes());
        bytes.extend_from_slice(producers);
        Bytes::from(bytes)
    }

    pub fn decode(bytes: &'a [u8]) -> Result<Self, CheckpointError> {
        let Some(rest) = bytes.strip_prefix(&MAGIC) else {
            return Ok(Self {
                high_watermark: None,
                producers: bytes,
            });
        };
        let (version, rest) = rest.split_first_chunk().ok_or(CheckpointError::Short)?;
        match u16::from_le_bytes(*version) {
            VERSION => {}
            other => return Err(CheckpointError::UnknownVersion(other)),
        }
        let (high_watermark, producers) = rest.split_first_chunk().ok_or(CheckpointError::Short)?;
        Ok(Self {
            high_watermark: Some(i64::from_le_bytes(*high_watermark)),
            producers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for producers in [&b""[..], b"producers"] {
            let bytes = Checkpointed::encode(1 << 40, producers);
            let expected = Checkpointed {
                high_watermark: Some(1 << 40),
                producers,
            };
            assert_eq!(Checkpointed::decode(&bytes), Ok(expected));
        }
    }

    #[test]
    fn version_1_is_these_bytes() {
        let bytes = b"NaruPart\x01\x00\x05\x00\x00\x00\x00\x00\x00\x00p";
        assert_eq!(Checkpointed::encode(5, b"p")[..], bytes[..]);
    }

    #[test]
    fn version_0_was_the_producers_alone() {
        let expected = Checkpointed {
            high_watermark: None,
            producers: b"snapshot",
        };
        assert_eq!(Checkpointed::decode(b"snapshot"), Ok(expected));
    }

    #[test]
    fn what_a_later_broker_wrote_is_refused_and_not_taken_for_nothing() {
        let mut bytes = Checkpointed::encode(5, b"").to_vec();
        assert_eq!(
            Checkpointed::decode(&bytes[..12]),
            Err(CheckpointError::Short)
        );
        bytes[8] = 2;
        assert_eq!(
            Checkpointed::decode(&bytes),
            Err(CheckpointError::UnknownVersion(2))
        );
    }
}
