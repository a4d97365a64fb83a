//! How much one connection over loopback carries: a copy into the kernel on one side, one out of it
//! on the other.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use super::super::error::LimitsError;
use super::super::model::Stream;
use super::loopback;
use super::meter::{Meter, Whose};

const PIECE_BYTES: usize = 1 << 20;

pub(in super::super) fn stream(seconds: f64) -> Result<Stream, LimitsError> {
    let (sender, receiver) = loopback::pair().map_err(LimitsError::Loopback)?;
    thread::scope(|scope| {
        let receiver = scope.spawn(|| receive(receiver));
        let sent = send(sender, seconds);
        let received = receiver
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let (bytes, elapsed, cpu_receiver_s) = received?;
        let cpu_sender_s = sent?;
        let gb = bytes as f64 / 1e9;
        Ok(Stream {
            piece_bytes: PIECE_BYTES as u64,
            mb_per_second: gb * 1e3 / elapsed,
            cpu_s_per_gb_sender: cpu_sender_s / gb,
            cpu_s_per_gb_receiver: cpu_receiver_s / gb,
        })
    })
}

/// Sends for `seconds` and closes; gives the CPU seconds.
fn send(mut stream: TcpStream, seconds: f64) -> Result<f64, LimitsError> {
    let piece = vec![7; PIECE_BYTES];
    let meter = Meter::start(Whose::ThisThread)?;
    loop {
        stream.write_all(&piece).map_err(LimitsError::Loopback)?;
        if meter.seconds() >= seconds {
            return meter.cpu_s();
        }
    }
}

/// Receives until the end: bytes, seconds, CPU seconds.
fn receive(mut stream: TcpStream) -> Result<(u64, f64, f64), LimitsError> {
    let mut piece = vec![0; PIECE_BYTES];
    let meter = Meter::start(Whose::ThisThread)?;
    let mut bytes = 0;
    loop {
        match stream.read(&mut piece).map_err(LimitsError::Loopback)? {
            0 => return Ok((bytes, meter.seconds(), meter.cpu_s()?)),
            count => bytes += count as u64,
        }
    }
}
