//! TCP on the ring: what [`Socket`](super::Socket) and [`Listener`](super::Listener) do there.

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
use super::socket::SocketBuffers;

#[derive(Clone)]
pub(super) struct RingListener {
    inner: Rc<Inner<TcpListener>>,
}

#[derive(Clone)]
pub(super) struct RingSocket {
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

impl RingListener {
    pub(super) fn bind(
        ring: &Ring,
        address: SocketAddr,
        reuse_port: bool,
        backlog: i32,
        buffers: SocketBuffers,
    ) -> io::Result<Self> {
        let listener = new_socket(&address)?;
        setsockopt(&listener, sockopt::ReuseAddr, &true)?;
        if reuse_port {
            setsockopt(&listener, sockopt::ReusePort, &true)?;
        }
        // Connections inherit them, and the window's scale is settled when they begin.
        buffers.apply(&listener)?;
        bind(listener.as_raw_fd(), &SockaddrStorage::from(address))?;
        listen(&listener, Backlog::new(backlog)?)?;
        Ok(Self {
            inner: Inner::new(ring, TcpListener::from(listener)),
        })
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.file()?.local_addr()
    }

    pub(super) async fn accept(&self) -> io::Result<(RingSocket, SocketAddr)> {
        loop {
            let descriptor = self.inner.ring.accept(self.inner.fd).await?;
            let stream = TcpStream::from(descriptor);
            // A peer that has gone again is no failure of the listener.
            let Ok(peer) = stream.peer_addr() else {
                continue;
            };
            stream.set_nodelay(true)?;
            let inner = Inner::new(&self.inner.ring, stream);
            return Ok((RingSocket { inner }, peer));
        }
    }
}

impl RingSocket {
    pub(super) async fn connect(ring: &Ring, address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::from(new_socket(&address)?);
        let inner = Inner::new(ring, stream);
        inner.ring.connect(inner.fd, address).await?;
        inner.file()?.set_nodelay(true)?;
        Ok(Self { inner })
    }

    pub(super) async fn recv(&self, buffer: Aligned, from: usize) -> (io::Result<usize>, Aligned) {
        self.inner.ring.recv(self.inner.fd, buffer, from).await
    }

    pub(super) async fn recv_chunk(&self, chunk: Chunk) -> (io::Result<usize>, Chunk) {
        self.inner.ring.recv_chunk(self.inner.fd, chunk).await
    }

    pub(super) async fn readable(&self) -> io::Result<()> {
        let events = libc::POLLIN | libc::POLLRDHUP;
        self.inner.ring.poll_fd(self.inner.fd, events).await
    }

    pub(super) async fn hung_up(&self) {
        // A poll that fails has nothing to wait for either.
        let _ = self
            .inner
            .ring
            .poll_fd(self.inner.fd, libc::POLLRDHUP)
            .await;
    }

    pub(super) async fn send_all(&self, pieces: Vec<Bytes>) -> io::Result<()> {
        self.inner.ring.send_all(self.inner.fd, pieces).await
    }

    pub(super) fn end_sending(&self) {
        if let Some(stream) = &self.inner.file {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    pub(super) fn shutdown(&self) {
        if let Some(stream) = &self.inner.file {
            // Fails only for a connection that has ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(super) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.inner.file()?.peer_addr()
    }

    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.file()?.local_addr()
    }

    pub(super) fn set_buffers(&self, buffers: SocketBuffers) -> io::Result<()> {
        buffers.apply(self.inner.file()?)
    }
}

impl SocketBuffers {
    fn apply(self, socket: &impl AsFd) -> io::Result<()> {
        if let Some(bytes) = self.send_bytes {
            setsockopt(socket, sockopt::SndBuf, &bytes)?;
        }
        if let Some(bytes) = self.receive_bytes {
            setsockopt(socket, sockopt::RcvBuf, &bytes)?;
        }
        Ok(())
    }
}

impl fmt::Debug for RingListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RingListener").field(&self.inner.fd).finish()
    }
}

impl fmt::Debug for RingSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RingSocket").field(&self.inner.fd).finish()
    }
}
