//! Length-prefixed frames out of a socket (Kafka's `RequestOrResponse => Size ...`).
//!
//! Memory follows what has arrived, never what a peer announces: a frame's buffer grows
//! with the bytes received, fourfold at most, and a connection that has shown what it
//! sends starts with a buffer of that size the next time. Frames are slices of the buffer
//! that they were received into; nothing of them is copied on the way to a partition.

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use naru_runtime::{Chunk, Handle, Socket};

use crate::memory::{MemoryBudget, Reservation};

/// The buffer of a connection that has not shown yet what it sends, in bytes.
const BUFFER_BYTES_MIN: usize = 4 << 10;

/// The largest buffer that is taken before a frame has filled a quarter of it, in bytes.
const BUFFER_BYTES_MAX: usize = 1 << 20;

/// What a connection may hold without asking the budget, in bytes: 10,000 idle
/// connections at the smallest buffer cost 40 MB.
const UNBUDGETED_BYTES_MAX: usize = 4 << 10;

/// The first buffer for a frame that is known to be larger, in bytes.
const GROWTH_BYTES_MIN: usize = 64 << 10;

const LENGTH_BYTES: usize = 4;

/// One request as it was received, and the share of the budget that it holds.
#[derive(Debug)]
pub struct Frame {
    pub bytes: Bytes,
    pub memory: Option<Rc<Reservation>>,
}

#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error(
        "a request announces {announced} bytes, the limit is {limit} (socket.request.max.bytes)"
    )]
    TooLarge { announced: i32, limit: usize },
    #[error("a request announces {0} bytes; this is not Kafka's protocol")]
    NotKafka(i32),
    #[error("the connection broke: {0}")]
    Broken(#[from] io::Error),
}

pub struct Frames {
    socket: Socket,
    io: Handle,
    budget: MemoryBudget,
    frame_bytes_max: usize,
    chunk: Option<Chunk>,
    /// Where the first byte stands in `chunk` that no frame has taken.
    taken: usize,
    memory: Option<Rc<Reservation>>,
    /// The size of the next buffer, from what this connection has sent so far.
    next_buffer_bytes: usize,
}

impl Frames {
    pub fn new(socket: Socket, io: Handle, budget: MemoryBudget, frame_bytes_max: usize) -> Self {
        Self {
            socket,
            io,
            budget,
            frame_bytes_max,
            chunk: None,
            taken: 0,
            memory: None,
            next_buffer_bytes: BUFFER_BYTES_MIN,
        }
    }

    /// Whether a part of a frame has been received.
    pub fn is_mid_frame(&self) -> bool {
        self.pending_bytes() > 0
    }

    /// Whether the buffer is paid for out of the budget.
    pub fn holds_memory(&self) -> bool {
        self.memory.is_some()
    }

    fn pending_bytes(&self) -> usize {
        self.chunk.as_ref().map_or(0, |c| c.filled() - self.taken)
    }

    /// A frame that has arrived whole, if there is one.
    pub fn take_ready(&mut self) -> Result<Option<Frame>, FrameError> {
        let Some(size) = self.announced()? else {
            return Ok(None);
        };
        let whole = LENGTH_BYTES + size;
        if self.pending_bytes() < whole {
            return Ok(None);
        }
        let Some(chunk) = &self.chunk else {
            return Ok(None);
        };
        let bytes = chunk.slice(self.taken + LENGTH_BYTES..self.taken + whole);
        self.taken += whole;
        self.learn(whole);
        Ok(Some(Frame {
            bytes,
            memory: self.memory.clone(),
        }))
    }

    /// Waits for more bytes; false when the peer has closed the connection.
    pub async fn receive(&mut self) -> Result<bool, FrameError> {
        if self.pending_bytes() == 0 && !self.is_buffer_small() {
            self.release();
            self.socket.readable().await?;
        }
        let chunk = self.buffer_with_room().await?;
        let (received, chunk) = self.socket.recv_chunk(chunk).await;
        let is_full = chunk.room() == 0;
        self.chunk = Some(chunk);
        let received = received?;
        if is_full {
            self.learn(self.next_buffer_bytes * 2);
        }
        Ok(received > 0)
    }

    fn is_buffer_small(&self) -> bool {
        self.chunk
            .as_ref()
            .is_some_and(|chunk| chunk.capacity() <= UNBUDGETED_BYTES_MAX)
    }

    fn release(&mut self) {
        self.chunk = None;
        self.taken = 0;
        self.memory = None;
    }

    /// What the pending frame announces, once its four bytes are here.
    fn announced(&self) -> Result<Option<usize>, FrameError> {
        let Some(chunk) = &self.chunk else {
            return Ok(None);
        };
        if self.pending_bytes() < LENGTH_BYTES {
            return Ok(None);
        }
        let prefix = chunk.slice(self.taken..self.taken + LENGTH_BYTES);
        let announced = i32::from_be_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
        let size = usize::try_from(announced).map_err(|_| FrameError::NotKafka(announced))?;
        if size > self.frame_bytes_max {
            return Err(FrameError::TooLarge {
                announced,
                limit: self.frame_bytes_max,
            });
        }
        Ok(Some(size))
    }

    /// The buffer to receive into, with what is pending at its front if it is a new one.
    async fn buffer_with_room(&mut self) -> Result<Chunk, FrameError> {
        let announced = self.announced()?;
        let pending = self.pending_bytes();
        if let Some(chunk) = self.chunk.take() {
            let missing = announced.map_or(1, |size| LENGTH_BYTES + size - pending);
            if chunk.room() >= missing || (chunk.room() > 0 && self.taken == 0) {
                return Ok(chunk);
            }
            let old = chunk.slice(self.taken..chunk.filled());
            let mut larger = self.new_buffer(announced, pending).await;
            larger.append(&old);
            self.taken = 0;
            return Ok(larger);
        }
        self.taken = 0;
        Ok(self.new_buffer(None, 0).await)
    }

    async fn new_buffer(&mut self, announced: Option<usize>, pending: usize) -> Chunk {
        let earned = self.next_buffer_bytes.max(pending + 1);
        let capacity = match announced {
            Some(size) if LENGTH_BYTES + size > earned => {
                (LENGTH_BYTES + size).min(earned.max(GROWTH_BYTES_MIN).max(pending * 4))
            }
            _ => earned,
        };
        self.memory = None;
        if capacity > UNBUDGETED_BYTES_MAX {
            let reservation = self.budget.reserve(&self.io, capacity).await;
            self.memory = Some(Rc::new(reservation));
        }
        Chunk::new(capacity)
    }

    /// Moves the next buffer's size towards what was seen, faster up than down.
    fn learn(&mut self, seen_bytes: usize) {
        let current = self.next_buffer_bytes;
        let next = if seen_bytes > current {
            seen_bytes.next_power_of_two()
        } else if seen_bytes < current / 8 {
            current - current / 8
        } else {
            current
        };
        self.next_buffer_bytes = next.clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX);
    }
}
