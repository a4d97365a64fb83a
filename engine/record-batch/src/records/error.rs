//! Why a record cannot be read.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("the bytes end before the record does")]
    Cut,
    #[error("a varint does not fit its width")]
    Varint,
    #[error("the record declares a size of {0} bytes")]
    Size(i32),
    #[error("a field declares {len} bytes where the record has {left} left")]
    Length { len: i32, left: usize },
    #[error("the record declares {0} headers, more than its size has room for")]
    HeadersCount(i32),
    #[error("a header has a null key")]
    HeaderKey,
    #[error("{0} bytes of the record follow its last field")]
    Leftover(usize),
    /// Only of compressed records; the decompressor knows more.
    #[error("the payload does not decompress")]
    Payload,
}
