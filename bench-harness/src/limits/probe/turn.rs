//! How long a request and its answer take over loopback when nobody works on them: two wake-ups and
//! four copies.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;

use super::super::error::LimitsError;
use super::super::model::Turn;
use super::loopback;
use super::meter::{Meter, Whose};

const MESSAGE_BYTES: usize = 1024;

pub(in super::super) fn turn(seconds: f64) -> Result<Turn, LimitsError> {
    let (client, server) = loopback::pair().map_err(LimitsError::Loopback)?;
    thread::scope(|scope| {
        let server = scope.spawn(|| answer(server));
        let asked = ask(client, seconds);
        let answered = server
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // The client's error first: the server's would only follow from it.
        let (turns, elapsed, cpu_client_s) = asked?;
        let cpu_server_s = answered?;
        let each = |seconds: f64| seconds * 1e6 / turns.len() as f64;
        Ok(Turn {
            message_bytes: MESSAGE_BYTES as u64,
            us_mean: each(elapsed),
            us_p50: turns.value_at_quantile(0.5),
            cpu_us_client: each(cpu_client_s),
            cpu_us_server: each(cpu_server_s),
        })
    })
}

/// Takes the stream, so that the server sees its end on every way out. Latencies in µs, seconds,
/// CPU seconds.
fn ask(mut stream: TcpStream, seconds: f64) -> Result<(Histogram<u64>, f64, f64), LimitsError> {
    let bounds = Histogram::new_with_bounds(1, 60_000_000, 3);
    let mut turns = bounds.map_err(|error| LimitsError::Loopback(io::Error::other(error)))?;
    let mut message = [7; MESSAGE_BYTES];
    let meter = Meter::start(Whose::ThisThread)?;
    while turns.is_empty() || meter.seconds() < seconds {
        let began = Instant::now();
        stream
            .write_all(&message)
            .and_then(|()| stream.read_exact(&mut message))
            .map_err(LimitsError::Loopback)?;
        let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        turns.saturating_record(us.max(1));
    }
    Ok((turns, meter.seconds(), meter.cpu_s()?))
}

/// Sends back what comes until the client has gone; gives the CPU seconds of that.
fn answer(mut stream: TcpStream) -> Result<f64, LimitsError> {
    let meter = Meter::start(Whose::ThisThread)?;
    let mut message = [0; MESSAGE_BYTES];
    loop {
        match stream.read_exact(&mut message) {
            Ok(()) => stream.write_all(&message).map_err(LimitsError::Loopback)?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return meter.cpu_s(),
            Err(error) => return Err(LimitsError::Loopback(error)),
        }
    }
}
