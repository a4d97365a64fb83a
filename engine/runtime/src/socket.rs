//! TCP on the ring.
//!
//! An idle connection should wait with [`Socket::readable`], which holds no buffer; a busy
//! one saves an operation by receiving straight away.

use std::fmt;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use bytes::Bytes;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
    sockopt,
};

use super::buffer::{Aligned, Chunk};
use super::ring::Ring;
use super::runtime::Handle;

/// Accepts connections. Clones share it; it is closed with the last of them.
#[derive(Clone)]
pub struct Listener {
    inner: Rc<Inner<TcpListener>>,
}

/// A connection. Clones share it; it is closed with the last of them.
///
/// One receive and one send may be in flight at the same time, from different tasks. Two
/// sends at once would mix their bytes: give the sending half to one task.
#[derive(Clone)]
pub struct Socket {
    inner: Rc<Inner<TcpStream>>,
}

struct Inner<T: Into<OwnedFd>> {
    ring: Ring,
    /// `None` only while it is dropped.
    file: Option<T>,
    fd: RawFd,
}

impl<T: Into<OwnedFd> + AsRawFd> Inner<T> {
    fn new(ring: &Ring, file: T) -> Rc<Self> {
        Rc::new(Self {
            ring: ring.clone(),
            fd: file.as_raw_fd(),
            file: Some(file),
        })
    }

    fn file(&self) -> io::Result<&T> {
        self.file
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl<T: Into<OwnedFd>> Drop for Inner<T> {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            self.ring.close(file.into());
        }
    }
}

fn new_socket(address: &SocketAddr) -> io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    // Blocking, as the ring waits for it: a non-blocking one would answer EAGAIN.
    Ok(socket(
        family,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?)
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
        let listener = new_socket(&address)?;
        setsockopt(&listener, sockopt::ReuseAddr, &true)?;
        if reuse_port {
            setsockopt(&listener, sockopt::ReusePort, &true)?;
        }
        bind(listener.as_raw_fd(), &SockaddrStorage::from(address))?;
        listen(&listener, Backlog::new(backlog)?)?;
        Ok(Self {
            inner: Inner::new(handle.ring(), TcpListener::from(listener)),
        })
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.file()?.local_addr()
    }

    /// The next connection and where it comes from. Nagle's algorithm is off.
    ///
    /// # Errors
    /// None of them is final: with no descriptor left (`EMFILE`), wait a while and go on.
    pub async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        loop {
            let descriptor = self.inner.ring.accept(self.inner.fd).await?;
            let stream = TcpStream::from(descriptor);
            // A peer that has gone again is no failure of the listener.
            let Ok(peer) = stream.peer_addr() else {
                continue;
            };
            stream.set_nodelay(true)?;
            let inner = Inner::new(&self.inner.ring, stream);
            return Ok((Socket { inner }, peer));
        }
    }
}

impl Socket {
    /// Connects to `address`. Nagle's algorithm is off.
    pub async fn connect(handle: &Handle, address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::from(new_socket(&address)?);
        let inner = Inner::new(handle.ring(), stream);
        inner.ring.connect(inner.fd, address).await?;
        inner.file()?.set_nodelay(true)?;
        Ok(Self { inner })
    }

    /// Receives into `buffer[from..capacity]` and sets the buffer's length to what is
    /// filled. 0 is the end of the stream. The buffer comes back in any case.
    ///
    /// Dropping the future loses the buffer, and what was received into it.
    pub async fn recv(&self, buffer: Aligned, from: usize) -> (io::Result<usize>, Aligned) {
        self.inner.ring.recv(self.inner.fd, buffer, from).await
    }

    /// Receives behind what is filled of `chunk`, which has room. 0 is the end of the
    /// stream. The chunk comes back in any case.
    pub async fn recv_chunk(&self, chunk: Chunk) -> (io::Result<usize>, Chunk) {
        self.inner.ring.recv_chunk(self.inner.fd, chunk).await
    }

    /// Waits until something can be received: data, the end, or an error. Holds no buffer.
    pub async fn readable(&self) -> io::Result<()> {
        let events = libc::POLLIN | libc::POLLRDHUP;
        self.inner.ring.poll_fd(self.inner.fd, events).await
    }

    /// Sends all pieces, one behind the other. Resolves when the kernel has taken them,
    /// not when the peer has. Dropping the future leaves an unknown part sent: shut the
    /// connection down then.
    pub async fn send_all(&self, pieces: Vec<Bytes>) -> io::Result<()> {
        self.inner.ring.send_all(self.inner.fd, pieces).await
    }

    /// Ends both directions: what is in flight resolves, the peer sees the end.
    pub fn shutdown(&self) {
        if let Some(stream) = &self.inner.file {
            // Fails only for a connection that has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.file()?.peer_addr()
    }

    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.file()?.local_addr()
    }

    /// Sets the kernel's buffers, in bytes (`SO_SNDBUF`, `SO_RCVBUF`); `None` leaves the
    /// kernel to tune one.
    pub fn set_buffer_bytes(&self, send: Option<usize>, receive: Option<usize>) -> io::Result<()> {
        let stream = self.inner.file()?.as_fd();
        if let Some(bytes) = send {
            setsockopt(&stream, sockopt::SndBuf, &bytes)?;
        }
        if let Some(bytes) = receive {
            setsockopt(&stream, sockopt::RcvBuf, &bytes)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Listener").field(&self.inner.fd).finish()
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(&self.inner.fd).finish()
    }
}
