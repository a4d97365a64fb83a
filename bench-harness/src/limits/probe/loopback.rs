//! Both ends of a connection over loopback.
//!
//! Blocking sockets: one system call moves a message or a piece, and nothing needs fewer.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Two ends that are connected, without Nagle's delay.
pub(super) fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Connected as soon as it is in the listener's backlog, so one thread can do both.
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    Ok((client, server))
}
