//! What the network asks of the rest of the broker.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use naru_runtime::Handle;

use super::Connections;
use super::hangup::Hangup;
use super::outbox::Answer;
use crate::memory::MemoryBudget;

/// Who is at the other end, as handlers need to know it.
#[derive(Clone, Debug)]
pub struct Peer {
    pub address: SocketAddr,
    /// The listener that it came in by: an index into the configured ones.
    pub listener: usize,
    /// For requests that wait: the peer may not be there any more.
    pub hangup: Hangup,
}

/// A request that is under way.
pub enum Start {
    /// Its order-sensitive part is done; the next request may start (Produce).
    Overlapping(Answer),
    /// Its order-sensitive part takes a while (a check of large batches): to be awaited
    /// before the next request is looked at, so that they never overtake each other.
    InOrder(Pin<Box<dyn Future<Output = Answer>>>),
    /// Nothing of it has happened yet; to be awaited before the next one starts.
    Alone(Answer),
}

/// Where frames go.
pub trait Service: 'static {
    /// Starts a request. An error, which goes to the log, closes the connection.
    fn start(&self, peer: &Peer, frame: Bytes) -> Result<Start, String>;
}

/// What every connection of a shard needs.
pub struct Network<S> {
    pub io: Handle,
    pub memory: MemoryBudget,
    pub connections: Rc<Connections>,
    /// `socket.request.max.bytes`
    pub frame_bytes_max: usize,
    /// This shard's part of `max.connections`, as it is now.
    pub connections_max: Box<dyn Fn() -> usize>,
    pub service: S,
}
