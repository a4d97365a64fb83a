//! The codec of Kafka's wire protocol: bytes in, messages out. Knows neither sockets nor the
//! engine.
//!
//! - [`api`] has one file per API, each a table of its request and response; `table.rs` explains
//!   the tables.
//! - [`Decoder`] reads a received frame, in bounded memory and without copying strings or records.
//! - [`Encoder`] writes a rope of slices for a vectored send, large payloads by reference.
//! - [`decode_any_request`] is the server's way in, [`encode_response`] its way out;
//!   [`encode_request`] and [`decode_response`] are the client's.
//!
//! Invariants: no input makes the decoder panic, recurse, or allocate from a length that does not
//! fit into the frame. What a message says is not judged here: that is for the handlers.

pub mod api;
mod api_key;
mod apis;
mod decoder;
mod encoder;
mod error;
mod error_code;
mod field;
mod header;
mod message;
mod records;
mod string;
mod table;
#[cfg(test)]
mod tests;

pub use api::*;
pub use api_key::ApiKey;
pub use decoder::Decoder;
pub use encoder::{BY_REFERENCE_BYTES_MIN, Encoder, ErrorCounts};
pub use error::{DecodeError, EncodeError};
pub use error_code::ErrorCode;
pub use header::{RequestHeader, ResponseHeader, encode_request_header, encode_response_header};
pub use message::{
    Message, Request, decode_response, encode_request, encode_response, encode_response_and_errors,
};
pub use records::Records;
pub use string::Str;
