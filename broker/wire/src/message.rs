//! [`Message`] and [`Request`]: what every top-level message can do.

use std::ops::RangeInclusive;

use bytes::Bytes;

use crate::encoder::ErrorCounts;
use crate::field::{Field, Format};
use crate::header::{ResponseHeader, encode_request_header, encode_response_header};
use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Str};

/// A request or response.
pub trait Message: Field {
    const KEY: ApiKey;
    const VERSIONS: RangeInclusive<i16>;
    /// The first flexible version (KIP-482); `i16::MAX` if there is none.
    const FLEXIBLE: i16;

    fn decode(decoder: &mut Decoder, version: i16) -> Result<Self, DecodeError> {
        match format::<Self>(version) {
            Some(format) => Self::read(decoder, format),
            None => Err(DecodeError::UnsupportedVersion {
                key: Self::KEY.code(),
                version,
            }),
        }
    }

    fn encode(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError> {
        match format::<Self>(version) {
            Some(format) => self.write(encoder, format),
            None => Err(EncodeError::UnsupportedVersion {
                key: Self::KEY.code(),
                version,
            }),
        }
    }
}

fn format<M: Message>(version: i16) -> Option<Format> {
    M::VERSIONS.contains(&version).then_some(Format {
        version,
        flexible: version >= M::FLEXIBLE,
    })
}

/// A request, which knows what answers it.
pub trait Request: Message {
    type Response: Message;
}

/// A whole request frame: length, header, body.
pub fn encode_request<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Str>,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut encoder = Encoder::new();
    encode_request_header(&mut encoder, R::KEY, version, correlation_id, client_id)?;
    request.encode(&mut encoder, version)?;
    encoder.finish_frame()
}

/// A whole response frame: length, header, body.
pub fn encode_response<M: Message>(
    response: &M,
    version: i16,
    correlation_id: i32,
) -> Result<Vec<Bytes>, EncodeError> {
    Ok(encode_response_and_errors(response, version, correlation_id)?.0)
}

/// The same, with the errors that the response tells of.
pub fn encode_response_and_errors<M: Message>(
    response: &M,
    version: i16,
    correlation_id: i32,
) -> Result<(Vec<Bytes>, ErrorCounts), EncodeError> {
    let mut encoder = Encoder::new();
    encode_response_header(&mut encoder, M::KEY, version, correlation_id);
    response.encode(&mut encoder, version)?;
    let errors = encoder.take_errors();
    Ok((encoder.finish_frame()?, errors))
}

/// Header and body of a response frame (without its length prefix) to a request of `version`.
pub fn decode_response<M: Message>(
    frame: Bytes,
    version: i16,
) -> Result<(ResponseHeader, M), DecodeError> {
    let mut decoder = Decoder::new(frame);
    let header = ResponseHeader::decode(&mut decoder, M::KEY, version)?;
    Ok((header, M::decode(&mut decoder, version)?))
}
