//! What can be wrong with bytes from a peer, and with a message that is to be sent.

use thiserror::Error;

/// Why a frame could not be decoded. None of these leaves the decoder usable: the connection has
/// lost its place in the stream of fields, and the only safe answer is to close it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("the frame ends too early: {needed} bytes are needed, {remaining} are left")]
    Truncated { needed: usize, remaining: usize },
    #[error("a count of {count} elements cannot fit into the {remaining} bytes left")]
    CountTooLarge { count: usize, remaining: usize },
    #[error("the arrays in a frame of {frame_len} bytes would take too much memory")]
    OverBudget { frame_len: usize },
    #[error("the arrays of a request have more than {limit} elements")]
    TooManyElements { limit: usize },
    #[error("a length of {0} is negative")]
    NegativeLength(i64),
    #[error("a string of {0} bytes is longer than 32767")]
    StringTooLong(usize),
    #[error("field {field} of version {version} may not be null")]
    UnexpectedNull { field: &'static str, version: i16 },
    #[error("a value that may not be null is null")]
    Null,
    #[error("a string is not UTF-8")]
    InvalidUtf8,
    #[error("a varint does not end within 32 bits")]
    VarintTooLong,
    #[error("api key {0} is not known")]
    UnknownApi(i16),
    #[error("api key {key} has no version {version}")]
    UnsupportedVersion { key: i16, version: i16 },
}

/// Why a message could not be encoded: each is a mistake of the code that built the message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum EncodeError {
    #[error("field {field} of version {version} may not be null")]
    UnexpectedNull { field: &'static str, version: i16 },
    #[error("a string of {0} bytes is longer than 32767")]
    StringTooLong(usize),
    #[error("{0} bytes or elements are more than an int32 can count")]
    TooLarge(usize),
    #[error("api key {key} has no version {version}")]
    UnsupportedVersion { key: i16, version: i16 },
}
