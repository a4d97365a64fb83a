//! What is answered: a body of some type, or a problem (RFC 9457).

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

pub type Body = Full<Bytes>;

/// A body and its type.
#[derive(Debug)]
pub struct Answer {
    pub content_type: &'static str,
    pub body: Bytes,
}

impl Answer {
    pub fn json<T: Serialize>(value: &T) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|e| Problem::internal(&e))?;
        Ok(Self {
            content_type: "application/json",
            body: body.into(),
        })
    }

    pub fn into_response(self, status: StatusCode) -> Response<Body> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        // It is of this moment, and of nobody else's business.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// Why there is no answer, as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Problem {
    /// The words of the status.
    pub title: &'static str,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong, for people.
    pub detail: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
        }
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    pub fn internal(error: &dyn std::error::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }

    pub fn into_response(self) -> Response<Body> {
        let status = StatusCode::from_u16(self.status);
        let answer = Answer {
            content_type: "application/problem+json",
            body: serde_json::to_vec(&self).unwrap_or_default().into(),
        };
        answer.into_response(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
    }
}
