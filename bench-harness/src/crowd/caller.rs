//! A connection that blocks: thousands of them cost a load generator nothing but their sockets.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;
use naru_wire::api::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use naru_wire::{Message, Request, Str, decode_response, encode_request};

use crate::kafka::KafkaError;

/// The version that every broker of the last years answers.
const API_VERSIONS_VERSION: i16 = 3;

/// No answer that is asked for here is larger, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

pub(super) struct Caller {
    stream: TcpStream,
    address: SocketAddr,
    correlation_id: i32,
}

impl Caller {
    /// Connects, and asks what the broker serves: when that is answered, the broker holds the
    /// connection, and not only the kernel.
    pub(super) fn open(address: SocketAddr, time_max: Duration) -> Result<Self, KafkaError> {
        let unreachable = |error: std::io::Error| KafkaError::Unreachable {
            address: address.to_string(),
            reason: error.to_string(),
        };
        let stream = TcpStream::connect_timeout(&address, time_max).map_err(unreachable)?;
        stream
            .set_read_timeout(Some(time_max))
            .and_then(|()| stream.set_nodelay(true))
            .map_err(unreachable)?;
        let mut caller = Self {
            stream,
            address,
            correlation_id: 0,
        };
        let request = ApiVersionsRequest {
            client_software_name: Str::from_static("naru-bench"),
            client_software_version: Str::from_static(env!("CARGO_PKG_VERSION")),
            ..Default::default()
        };
        caller.send(&request, API_VERSIONS_VERSION)?;
        let answer: ApiVersionsResponse = caller.receive(API_VERSIONS_VERSION)?;
        KafkaError::check(answer.error_code, || "ApiVersions".into(), None)?;
        Ok(caller)
    }

    /// How long an answer may take from now on.
    pub(super) fn patience(&self, time_max: Duration) -> Result<(), KafkaError> {
        let set = self.stream.set_read_timeout(Some(time_max));
        set.map_err(|error| self.broken(error))
    }

    pub(super) fn call<R: Request>(
        &mut self,
        request: &R,
        version: i16,
    ) -> Result<R::Response, KafkaError> {
        self.send(request, version)?;
        self.receive(version)
    }

    /// Sends without waiting for the answer.
    pub(super) fn send<R: Request>(&mut self, request: &R, version: i16) -> Result<(), KafkaError> {
        self.correlation_id += 1;
        let client = Str::from_static("naru-bench");
        let pieces = encode_request(request, version, self.correlation_id, Some(&client));
        let pieces = pieces.map_err(|error| KafkaError::Unreadable {
            address: self.address.to_string(),
            api: R::KEY,
            reason: error.to_string(),
        })?;
        let sent = self.stream.write_all(&pieces.concat());
        sent.map_err(|error| self.broken(error))
    }

    /// The answer to the oldest request that has none.
    pub(super) fn receive<M: Message>(&mut self, version: i16) -> Result<M, KafkaError> {
        let unreadable = |reason: String| KafkaError::Unreadable {
            address: self.address.to_string(),
            api: M::KEY,
            reason,
        };
        let mut length = [0; 4];
        let read = self.stream.read_exact(&mut length);
        read.map_err(|error| self.broken(error))?;
        let length = u32::from_be_bytes(length) as usize;
        if length > ANSWER_BYTES_MAX {
            return Err(unreadable(format!("it announces {length} bytes")));
        }
        let mut frame = vec![0; length];
        let read = self.stream.read_exact(&mut frame);
        read.map_err(|error| self.broken(error))?;
        let decoded = decode_response::<M>(Bytes::from(frame), version);
        decoded
            .map(|(_, message)| message)
            .map_err(|error| unreadable(error.to_string()))
    }

    fn broken(&self, error: std::io::Error) -> KafkaError {
        KafkaError::Broken {
            address: self.address.to_string(),
            reason: error.to_string(),
        }
    }
}
