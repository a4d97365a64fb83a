//! TCP, on the ring or on the network of a simulation.
//!
//! An idle connection should wait with [`Socket::readable`], which holds no buffer; a busy
//! one saves an operation by receiving straight away.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use bytes::Bytes;

use super::backend::Backend;
use super::buffer::{Aligned, Chunk};
use super::ring_socket::{RingListener, RingSocket};
use super::runtime::Handle;
use super::sim::net::{SimListener, SimSocket};

/// The kernel's buffers of a socket (`SO_SNDBUF`, `SO_RCVBUF`); `None` leaves the kernel to
/// tune one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketBuffers {
    pub send_bytes: Option<usize>,
    pub receive_bytes: Option<usize>,
}

/// Accepts connections. Clones share it; it is closed with the last of them.
#[derive(Clone)]
pub struct Listener(ListenerOf);

#[derive(Clone)]
enum ListenerOf {
    Ring(RingListener),
    Sim(SimListener),
}

/// A connection. Clones share it; it is closed with the last of them.
///
/// One receive and one send may be in flight at the same time, from different tasks. Two
/// sends at once would mix their bytes: give the sending half to one task.
#[derive(Clone)]
pub struct Socket(SocketOf);

#[derive(Clone)]
enum SocketOf {
    Ring(RingSocket),
    Sim(SimSocket),
}

impl Listener {
    /// Listens on `address`. With `reuse_port` several listeners share the address and the
    /// kernel spreads the connections over them.
    pub fn bind(
        handle: &Handle,
        address: SocketAddr,
        reuse_port: bool,
        backlog: i32,
    ) -> io::Result<Self> {
        let buffers = SocketBuffers::default();
        Self::bind_with(handle, address, reuse_port, backlog, buffers)
    }

    /// As [`Self::bind`]; the connections get these buffers. A simulation's have its own.
    pub fn bind_with(
        handle: &Handle,
        address: SocketAddr,
        reuse_port: bool,
        backlog: i32,
        buffers: SocketBuffers,
    ) -> io::Result<Self> {
        Ok(Self(match handle.backend() {
            Backend::Ring(ring) => ListenerOf::Ring(RingListener::bind(
                ring, address, reuse_port, backlog, buffers,
            )?),
            Backend::Sim(_) => {
                ListenerOf::Sim(SimListener::bind(handle, address, reuse_port, backlog)?)
            }
        }))
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            ListenerOf::Ring(listener) => listener.local_addr(),
            ListenerOf::Sim(listener) => Ok(listener.local_addr()),
        }
    }

    /// The next connection and where it comes from. Nagle's algorithm is off.
    ///
    /// # Errors
    /// None of them is final: with no descriptor left (`EMFILE`), wait a while and go on.
    pub async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (socket, peer) = match &self.0 {
            ListenerOf::Ring(listener) => {
                let (socket, peer) = listener.accept().await?;
                (SocketOf::Ring(socket), peer)
            }
            ListenerOf::Sim(listener) => {
                let (socket, peer) = listener.accept().await?;
                (SocketOf::Sim(socket), peer)
            }
        };
        Ok((Socket(socket), peer))
    }
}

impl Socket {
    /// Connects to `address`. Nagle's algorithm is off.
    pub async fn connect(handle: &Handle, address: SocketAddr) -> io::Result<Self> {
        Ok(Self(match handle.backend() {
            Backend::Ring(ring) => SocketOf::Ring(RingSocket::connect(ring, address).await?),
            Backend::Sim(_) => SocketOf::Sim(SimSocket::connect(handle, address).await?),
        }))
    }

    /// Receives into `buffer[from..capacity]` and sets the buffer's length to what is
    /// filled. 0 is the end of the stream. The buffer comes back in any case.
    ///
    /// Dropping the future loses the buffer, and what was received into it.
    pub async fn recv(&self, buffer: Aligned, from: usize) -> (io::Result<usize>, Aligned) {
        match &self.0 {
            SocketOf::Ring(socket) => socket.recv(buffer, from).await,
            SocketOf::Sim(socket) => socket.recv(buffer, from).await,
        }
    }

    /// Receives after what is filled of `chunk`, which has room. 0 is the end of the
    /// stream. The chunk comes back in any case.
    pub async fn recv_chunk(&self, chunk: Chunk) -> (io::Result<usize>, Chunk) {
        match &self.0 {
            SocketOf::Ring(socket) => socket.recv_chunk(chunk).await,
            SocketOf::Sim(socket) => socket.recv_chunk(chunk).await,
        }
    }

    /// Waits until something can be received: data, the end, or an error. Holds no buffer.
    pub async fn readable(&self) -> io::Result<()> {
        match &self.0 {
            SocketOf::Ring(socket) => socket.readable().await,
            SocketOf::Sim(socket) => socket.readable().await,
        }
    }

    /// Waits until the peer has ended its stream or the connection is over, whatever is
    /// still to be received. Receives nothing.
    pub async fn hung_up(&self) {
        match &self.0 {
            SocketOf::Ring(socket) => socket.hung_up().await,
            SocketOf::Sim(socket) => socket.hung_up().await,
        }
    }

    /// Sends all pieces, one after the other. Resolves when the kernel has taken them,
    /// not when the peer has. Dropping the future leaves an unknown part sent: shut the
    /// connection down then.
    pub async fn send_all(&self, pieces: Vec<Bytes>) -> io::Result<()> {
        match &self.0 {
            SocketOf::Ring(socket) => socket.send_all(pieces).await,
            SocketOf::Sim(socket) => socket.send_all(pieces).await,
        }
    }

    /// Ends this side's stream: the peer sees the end after what was sent, and may go on
    /// sending.
    pub fn end_sending(&self) {
        match &self.0 {
            SocketOf::Ring(socket) => socket.end_sending(),
            SocketOf::Sim(socket) => socket.end_sending(),
        }
    }

    /// Ends both directions: what is in flight resolves, the peer sees the end.
    pub fn shutdown(&self) {
        match &self.0 {
            SocketOf::Ring(socket) => socket.shutdown(),
            SocketOf::Sim(socket) => socket.shutdown(),
        }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            SocketOf::Ring(socket) => socket.peer_addr(),
            SocketOf::Sim(socket) => Ok(socket.peer_addr()),
        }
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.0 {
            SocketOf::Ring(socket) => socket.local_addr(),
            SocketOf::Sim(socket) => Ok(socket.local_addr()),
        }
    }

    /// Sets the kernel's buffers.
    pub fn set_buffers(&self, buffers: SocketBuffers) -> io::Result<()> {
        match &self.0 {
            SocketOf::Ring(socket) => socket.set_buffers(buffers),
            SocketOf::Sim(socket) => {
                socket.set_window(buffers.send_bytes, buffers.receive_bytes);
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            ListenerOf::Ring(listener) => listener.fmt(f),
            ListenerOf::Sim(listener) => listener.fmt(f),
        }
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            SocketOf::Ring(socket) => socket.fmt(f),
            SocketOf::Sim(socket) => socket.fmt(f),
        }
    }
}
