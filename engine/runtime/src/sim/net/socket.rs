//! An end of a connection.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;

use super::network::{Connection, delay};
use super::pipe::{Look, Pipe};
use crate::backend::Backend;
use crate::buffer::{Aligned, Chunk};
use crate::runtime::Handle;
use crate::sim::machine::Seat;
use crate::sim::simulation::Universe;
use crate::sim::trace::Kind;

/// The largest segment, and the largest of the small ones that one in so many is.
const SEGMENT_BYTES_MAX: usize = 64 << 10;
const SMALL_BYTES_MAX: usize = 48;
const SMALL_ONE_IN: usize = 4;

#[derive(Clone)]
pub(crate) struct SimSocket(Rc<Inner>);

struct Inner {
    handle: Handle,
    connection: Rc<Connection>,
    /// Which of its pipes is written to.
    side: usize,
    local: SocketAddr,
    peer: SocketAddr,
}

/// The simulated thread behind a handle.
pub(super) fn seat(handle: &Handle) -> &Seat {
    match handle.backend() {
        Backend::Sim(seat) => seat,
        Backend::Ring(_) => unreachable!("sockets of a simulation are made on its threads only"),
    }
}

impl SimSocket {
    pub(super) fn new(
        handle: &Handle,
        connection: Rc<Connection>,
        side: usize,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Self {
        Self(Rc::new(Inner {
            handle: handle.clone(),
            connection,
            side,
            local,
            peer,
        }))
    }

    pub(crate) async fn recv(
        &self,
        mut buffer: Aligned,
        from: usize,
    ) -> (io::Result<usize>, Aligned) {
        let room = buffer.capacity().saturating_sub(from);
        let count = match self.readable_bytes(room).await {
            Ok(count) => count,
            Err(error) => return (Err(error), buffer),
        };
        buffer.set_length(from + count);
        let mut at = from;
        self.0.incoming().read(count, |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
        (Ok(count), buffer)
    }

    pub(crate) async fn recv_chunk(&self, mut chunk: Chunk) -> (io::Result<usize>, Chunk) {
        let count = match self.readable_bytes(chunk.room()).await {
            Ok(count) => count,
            Err(error) => return (Err(error), chunk),
        };
        self.0.incoming().read(count, |bytes| chunk.append(bytes));
        (Ok(count), chunk)
    }

    /// Waits for bytes; how many of them one receive gets, 0 at the end.
    async fn readable_bytes(&self, room: usize) -> io::Result<usize> {
        if room == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a full receive buffer",
            ));
        }
        let incoming = self.0.incoming();
        let arrived = self.0.when(incoming, |now| incoming.look_to_read(now));
        let arrived = arrived.await?;
        Ok(self.0.part_of(arrived.min(room)))
    }

    pub(crate) async fn readable(&self) -> io::Result<()> {
        let incoming = self.0.incoming();
        let arrived = self.0.when(incoming, |now| incoming.look_to_read(now));
        // Poll(2) succeeds for a connection that is broken; receiving says so.
        let _ = arrived.await;
        Ok(())
    }

    pub(crate) async fn hung_up(&self) {
        let incoming = self.0.incoming();
        self.0
            .when(incoming, |now| incoming.look_for_end(now))
            .await;
    }

    pub(crate) async fn send_all(&self, pieces: Vec<Bytes>) -> io::Result<()> {
        let outgoing = self.0.outgoing();
        for mut piece in pieces {
            while !piece.is_empty() {
                let room = self.0.when(outgoing, |now| outgoing.look_to_write(now));
                let room = room.await?.min(SEGMENT_BYTES_MAX);
                let count = self.0.part_of(piece.len().min(room));
                self.0.send(&piece.split_to(count));
            }
        }
        Ok(())
    }

    pub(crate) fn end_sending(&self) {
        self.0.end_sending();
    }

    pub(crate) fn shutdown(&self) {
        self.0.end_sending();
        self.0.incoming().refuse();
    }

    pub(crate) fn set_window(&self, send: Option<usize>, receive: Option<usize>) {
        if let Some(bytes) = send {
            self.0.outgoing().set_window(bytes);
        }
        if let Some(bytes) = receive {
            self.0.incoming().set_window(bytes);
        }
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.0.peer
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0.local
    }
}

impl Inner {
    fn outgoing(&self) -> &Pipe {
        &self.connection.pipes[self.side]
    }

    fn incoming(&self) -> &Pipe {
        &self.connection.pipes[1 - self.side]
    }

    fn universe(&self) -> &Universe {
        seat(&self.handle).universe()
    }

    /// All of `bytes`, or sometimes a small part.
    fn part_of(&self, bytes: usize) -> usize {
        if bytes > 1 && self.universe().below(SMALL_ONE_IN) == 0 {
            return 1 + self.universe().below(bytes.min(SMALL_BYTES_MAX));
        }
        bytes
    }

    /// Looks until there is an outcome.
    async fn when<T>(&self, pipe: &Pipe, look: impl Fn(Instant) -> Look<T>) -> T {
        loop {
            let now = self.handle.now();
            let again = match look(now) {
                Ok(outcome) => return outcome,
                Err(again) => again,
            };
            let changed = pipe.changed.wait();
            match again {
                // Either way, the next look tells.
                Some(at) => {
                    let _ = self.handle.timeout(at - now, changed).await;
                }
                None => changed.await,
            }
        }
    }

    /// When something that is sent now arrives; `None` while the link is cut.
    fn arrival(&self) -> Option<Instant> {
        let (from, to): (IpAddr, IpAddr) = self.outgoing().ends();
        let universe = self.universe();
        let arrival = universe.clock.now() + delay(universe);
        Some(arrival).filter(|_| !universe.net.is_cut(from, to))
    }

    fn send(&self, bytes: &[u8]) {
        let universe = self.universe();
        let at = universe.clock.elapsed();
        universe.trace.record(Kind::Network, at, bytes);
        let outgoing = self.outgoing();
        if outgoing.is_unwanted() && !outgoing.is_dark() {
            // The peer has closed: its machine answers with a reset.
            self.break_at(self.arrival());
        }
        outgoing.write(Bytes::copy_from_slice(bytes), self.arrival());
    }

    fn break_at(&self, at: Option<Instant>) {
        if let Some(at) = at {
            for pipe in &self.connection.pipes {
                pipe.fail(at, libc::ECONNRESET);
            }
        }
    }

    fn end_sending(&self) {
        self.outgoing().end(self.arrival());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let incoming = self.incoming();
        if incoming.has_unread() && !incoming.is_dark() {
            // As the kernel does it: the peer must not believe that this was read.
            self.break_at(self.arrival());
        }
        self.end_sending();
        incoming.refuse();
    }
}

impl fmt::Debug for SimSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimSocket")
            .field("local", &self.0.local)
            .field("peer", &self.0.peer)
            .finish_non_exhaustive()
    }
}
