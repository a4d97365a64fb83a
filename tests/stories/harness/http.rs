//! A bare HTTP client for the admin listener: one request on a connection of its own.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::WAIT_MAX;

/// An answer.
pub struct Answer {
    pub status: u16,
    /// As they came, one a line.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(WAIT_MAX))?;
    Ok(stream)
}

/// GET of a path that must be answered.
pub fn get(port: u16, path: &str) -> Answer {
    request(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: naru\r\nConnection: close\r\n\r\n"),
    )
}

/// Sends this text, and reads what comes until the connection is closed.
pub fn request(port: u16, text: &str) -> Answer {
    let mut stream = connect(port).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split_whitespace().nth(1).unwrap();
    Answer {
        status: status.parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}
