//! Why a payload does not decompress.

use super::Codec;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    #[error("the records do not decompress with {codec}: {reason}")]
    Corrupt { codec: Codec, reason: String },
    #[error("the records decompress to more than {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
}

impl CompressionError {
    pub(super) fn corrupt(codec: Codec, reason: impl ToString) -> Self {
        Self::Corrupt {
            codec,
            reason: reason.to_string(),
        }
    }
}
