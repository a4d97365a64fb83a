//! A connection over a plain socket: one request, then its answer, within a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use naru_wire::{Request, Str, decode_response, encode_request};

use crate::cluster::Settings;
use crate::{KafkaError, Versions, addresses_of};

/// What announces more than this is no answer of a broker.
const FRAME_BYTES_MAX: u32 = 1 << 30;

/// After an error the connection is of no use any more: an answer may still be on its way.
#[derive(Debug)]
pub struct Connection {
    address: String,
    socket: TcpStream,
    client_id: Str,
    versions: Versions,
    request_time_max: Duration,
    next_correlation_id: i32,
}

impl Connection {
    /// Connects to `address` (`host:port`) and asks for the versions that the broker serves.
    ///
    /// # Errors
    /// When no address of the host accepts within the time, or what accepts is no broker.
    pub fn open(address: &str, settings: &Settings) -> Result<Self, KafkaError> {
        let mut connection = Self {
            socket: connect(address, settings.connect_time_max)?,
            address: address.to_owned(),
            client_id: Str::from_static(settings.client_id),
            versions: Versions::default(),
            request_time_max: settings.request_time_max,
            next_correlation_id: 0,
        };
        let (request, version) = Versions::request(settings.client_id);
        let deadline = Instant::now() + settings.connect_time_max;
        let response = connection.call_until(&request, version, deadline)?;
        connection.versions = Versions::of(response)?;
        Ok(connection)
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// The newest version of `R`, up to `limit`, that both sides have.
    ///
    /// # Errors
    /// When there is none.
    pub fn version<R: Request>(&self, limit: i16) -> Result<i16, KafkaError> {
        self.versions.newest::<R>(&self.address, limit)
    }

    /// Sends a request in the newest version that both sides have, and waits for its answer.
    ///
    /// # Errors
    /// When the connection breaks, or the time is over.
    pub fn call<R: Request>(&mut self, request: &R) -> Result<R::Response, KafkaError> {
        self.call_within(request, i16::MAX, Duration::ZERO)
    }

    /// As [`Self::call`], in a version up to `limit`, of a request that the broker may hold for
    /// `held` before it answers.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn call_within<R: Request>(
        &mut self,
        request: &R,
        limit: i16,
        held: Duration,
    ) -> Result<R::Response, KafkaError> {
        let version = self.version::<R>(limit)?;
        let deadline = Instant::now() + self.request_time_max + held;
        self.call_until(request, version, deadline)
    }

    /// Sends a request that is not answered: produce with acks=0.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub fn send_unanswered<R: Request>(
        &mut self,
        request: &R,
        limit: i16,
    ) -> Result<(), KafkaError> {
        let version = self.version::<R>(limit)?;
        let deadline = Instant::now() + self.request_time_max;
        self.send(request, version, deadline).map(|_| ())
    }

    fn call_until<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<R::Response, KafkaError> {
        let correlation_id = self.send(request, version, deadline)?;
        let frame = self.receive(deadline).map_err(|e| self.broke(&e))?;
        let unreadable = |reason: String| KafkaError::Unreadable {
            address: self.address.clone(),
            api: R::KEY,
            reason,
        };
        let (header, response) = decode_response::<R::Response>(frame, version)
            .map_err(|error| unreadable(error.to_string()))?;
        if header.correlation_id != correlation_id {
            let given = header.correlation_id;
            return Err(unreadable(format!(
                "it answers request {given}, not {correlation_id}"
            )));
        }
        Ok(response)
    }

    fn send<R: Request>(
        &mut self,
        request: &R,
        version: i16,
        deadline: Instant,
    ) -> Result<i32, KafkaError> {
        let correlation_id = self.next_correlation_id;
        self.next_correlation_id = correlation_id.wrapping_add(1);
        let pieces = encode_request(request, version, correlation_id, Some(&self.client_id))
            .map_err(|error| KafkaError::Unreadable {
                address: self.address.clone(),
                api: R::KEY,
                reason: error.to_string(),
            })?;
        let frame = pieces.concat();
        let sent = time_left(deadline)
            .and_then(|left| self.socket.set_write_timeout(Some(left)))
            .and_then(|()| self.socket.write_all(&frame));
        match sent {
            Ok(()) => Ok(correlation_id),
            Err(error) => Err(self.broke(&error)),
        }
    }

    /// The next frame, without its length.
    fn receive(&mut self, deadline: Instant) -> io::Result<Bytes> {
        let mut reader = UntilDeadline {
            socket: &self.socket,
            deadline,
        };
        let mut announced = [0; 4];
        reader.read_exact(&mut announced)?;
        let announced = u32::from_be_bytes(announced);
        if announced > FRAME_BYTES_MAX {
            let what = format!("what answers there is no broker: it announces {announced} bytes");
            return Err(io::Error::new(ErrorKind::InvalidData, what));
        }
        // The memory grows with what arrives, not with what is announced.
        let mut frame = Vec::new();
        let count = reader.take(announced.into()).read_to_end(&mut frame)?;
        match count == announced as usize {
            true => Ok(Bytes::from(frame)),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn broke(&self, error: &io::Error) -> KafkaError {
        let reason = match error.kind() {
            ErrorKind::UnexpectedEof => "the other side closed it".to_owned(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer in time".to_owned(),
            _ => error.to_string(),
        };
        KafkaError::Broken {
            address: self.address.clone(),
            reason,
        }
    }
}

fn connect(address: &str, time_max: Duration) -> Result<TcpStream, KafkaError> {
    let mut reason = String::new();
    for target in addresses_of(address)? {
        let opened = TcpStream::connect_timeout(&target, time_max)
            .and_then(|socket| socket.set_nodelay(true).map(|()| socket));
        match opened {
            Ok(socket) => return Ok(socket),
            // The first address is the one that was most likely meant.
            Err(error) if reason.is_empty() => reason = plain(&error),
            Err(_) => {}
        }
    }
    Err(KafkaError::Unreachable {
        address: address.to_owned(),
        reason,
    })
}

/// Without the number that the standard library appends.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "no answer in time".to_owned(),
        _ => error.to_string(),
    }
}

fn time_left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    // A socket takes a timeout of 0 for none at all.
    match left.is_zero() {
        true => Err(ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// Each read waits no longer than until the deadline.
struct UntilDeadline<'a> {
    socket: &'a TcpStream,
    deadline: Instant,
}

impl Read for UntilDeadline<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.socket
            .set_read_timeout(Some(time_left(self.deadline)?))?;
        let mut socket = self.socket;
        socket.read(out)
    }
}
