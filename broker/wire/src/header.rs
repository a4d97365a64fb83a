//! The headers in front of requests and responses.
//!
//! | header | used | holds |
//! |---|---|---|
//! | request v1 | requests before the first flexible version | key, version, correlation id, client id |
//! | request v2 | flexible requests | the same, then tagged fields |
//! | response v0 | responses before the first flexible version, and ApiVersions always | correlation id |
//! | response v1 | flexible responses | the same, then tagged fields |
//!
//! The client id is a classic (INT16) string in v2 too. ApiVersions stays at response v0 so that a
//! client can read the answer before it knows the broker's versions (KIP-511). Request v0 belonged
//! to ControlledShutdown, which is gone.

use crate::field::{Field, Format, TaggedFields};
use crate::{ApiKey, DecodeError, Decoder, EncodeError, Encoder, Str};

const CLASSIC: Format = Format {
    version: 0,
    flexible: false,
};

/// The header of a request, v1 or v2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
    pub client_id: Option<Str>,
}

impl RequestHeader {
    /// Reads a header and leaves the decoder at the body. Refuses keys that are not known and
    /// versions out of range: how their header goes on cannot be told. [`RequestHeader::peek`]
    /// reads what all headers begin with.
    pub fn decode(decoder: &mut Decoder) -> Result<Self, DecodeError> {
        let (api_key, api_version, correlation_id) = first_fields(decoder)?;
        let key = ApiKey::try_from(api_key)?;
        if !key
            .versions()
            .is_some_and(|versions| versions.contains(&api_version))
        {
            return Err(DecodeError::UnsupportedVersion {
                key: api_key,
                version: api_version,
            });
        }
        let client_id = Option::<Str>::read(decoder, CLASSIC)?;
        if key.is_flexible(api_version) {
            decoder.tagged_fields(|_, _| Ok(()))?;
        }
        Ok(Self {
            api_key,
            api_version,
            correlation_id,
            client_id,
        })
    }

    /// Key, version and correlation id, whatever their values: what it takes to answer a request
    /// that cannot be decoded. Does not move the caller's place; `client_id` is left `None`.
    pub fn peek(frame: &bytes::Bytes) -> Result<Self, DecodeError> {
        let (api_key, api_version, correlation_id) =
            first_fields(&mut Decoder::new(frame.clone()))?;
        Ok(Self {
            api_key,
            api_version,
            correlation_id,
            client_id: None,
        })
    }
}

fn first_fields(decoder: &mut Decoder) -> Result<(i16, i16, i32), DecodeError> {
    Ok((decoder.i16()?, decoder.i16()?, decoder.i32()?))
}

/// Writes the header of a request.
pub fn encode_request_header(
    encoder: &mut Encoder,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&Str>,
) -> Result<(), EncodeError> {
    encoder.put_i16(key.code());
    encoder.put_i16(version);
    encoder.put_i32(correlation_id);
    client_id.cloned().write(encoder, CLASSIC)?;
    if key.is_flexible(version) {
        TaggedFields::default().write(encoder);
    }
    Ok(())
}

/// The header of a response, v0 or v1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    pub correlation_id: i32,
}

impl ResponseHeader {
    /// `key` and `version` are those of the request.
    pub fn decode(decoder: &mut Decoder, key: ApiKey, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = decoder.i32()?;
        if response_header_is_flexible(key, version) {
            decoder.tagged_fields(|_, _| Ok(()))?;
        }
        Ok(Self { correlation_id })
    }
}

/// Writes the header of the response to a request of `key` and `version`.
pub fn encode_response_header(
    encoder: &mut Encoder,
    key: ApiKey,
    version: i16,
    correlation_id: i32,
) {
    encoder.put_i32(correlation_id);
    if response_header_is_flexible(key, version) {
        TaggedFields::default().write(encoder);
    }
}

fn response_header_is_flexible(key: ApiKey, version: i16) -> bool {
    key != ApiKey::ApiVersions && key.is_flexible(version)
}
