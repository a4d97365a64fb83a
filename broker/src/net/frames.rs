//! Length-prefixed frames out of a socket (Kafka's `RequestOrResponse => Size ...`).
//!
//! Memory follows what has arrived, never what a peer announces: a frame's buffer grows
//! with the bytes received, fourfold at most, and a connection that has shown what it
//! sends starts with a buffer of that size the next time. A frame above a megabyte is
//! reserved as a whole once its first part is here, and its buffer takes pages as it is
//! filled: large frames wait for each other, not for the rest of each other.
//!
//! A buffer is reserved before it is made, and the reservation lasts as long as its
//! memory. The old one is kept until the larger is granted. Frames are slices of the
//! buffer that they were received into; nothing of them is copied on the way to a
//! partition.

use std::io;

use bytes::Bytes;
use naru_runtime::{Chunk, Socket};

use crate::memory::{LARGE_FRAME_BYTES_MIN, MemoryBudget, Reservation};

/// The buffer of a connection that has not shown yet what it sends, in bytes.
const BUFFER_BYTES_MIN: usize = 4 << 10;

/// The largest buffer that is taken before a frame has filled a quarter of it, in bytes.
const BUFFER_BYTES_MAX: usize = LARGE_FRAME_BYTES_MIN;

/// What a connection may hold without asking the budget, in bytes: 10,000 idle
/// connections at the smallest buffer cost 40 MB.
const UNBUDGETED_BYTES_MAX: usize = 4 << 10;

/// The first buffer for a frame that is known to be larger, in bytes. A large frame is
/// reserved as a whole when it has filled this.
const GROWTH_BYTES_MIN: usize = 64 << 10;

const LENGTH_BYTES: usize = 4;

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
    budget: MemoryBudget,
    frame_bytes_max: usize,
    chunk: Option<Chunk>,
    /// Where in `chunk` the first byte is that no frame has taken.
    taken: usize,
    /// What `chunk` has reserved, in bytes.
    reserved_bytes: usize,
    /// The size of the next buffer, from what this connection has sent so far.
    next_buffer_bytes: usize,
}

impl Frames {
    pub fn new(socket: Socket, budget: MemoryBudget, frame_bytes_max: usize) -> Self {
        Self {
            socket,
            budget,
            frame_bytes_max,
            chunk: None,
            taken: 0,
            reserved_bytes: 0,
            next_buffer_bytes: BUFFER_BYTES_MIN,
        }
    }

    /// Whether a part of a frame has been received.
    pub fn is_mid_frame(&self) -> bool {
        self.pending_bytes() > 0
    }

    /// Whether the buffer is paid for out of the budget.
    pub fn holds_memory(&self) -> bool {
        self.reserved_bytes > 0
    }

    fn pending_bytes(&self) -> usize {
        self.chunk.as_ref().map_or(0, |c| c.filled() - self.taken)
    }

    /// A frame that has arrived whole, if there is one.
    pub fn take_ready(&mut self) -> Result<Option<Bytes>, FrameError> {
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
        let frame = chunk.slice(self.taken + LENGTH_BYTES..self.taken + whole);
        self.taken += whole;
        self.learn(whole);
        Ok(Some(frame))
    }

    /// Lets a large buffer go between two frames, and waits until there is more to receive.
    pub async fn rest(&mut self) -> Result<(), FrameError> {
        if self.pending_bytes() == 0 && !self.is_buffer_small() {
            self.release_if_empty();
            self.socket.readable().await?;
        }
        Ok(())
    }

    /// Lets the buffer go if no part of a frame is in it.
    pub fn release_if_empty(&mut self) {
        if self.pending_bytes() == 0 {
            self.chunk = None;
            self.taken = 0;
            self.reserved_bytes = 0;
        }
    }

    /// Makes sure that there is a buffer with room; waits for memory if need be. Before
    /// that it waits for `settled`, which says that no request of this connection is under
    /// way: what those hold would not come back while this one waits.
    pub async fn make_room<F>(&mut self, settled: impl FnOnce() -> F) -> Result<(), FrameError>
    where
        F: Future<Output = ()>,
    {
        let announced = self.announced()?;
        let pending = self.pending_bytes();
        if let Some(chunk) = &self.chunk {
            let missing = announced.map_or(1, |size| LENGTH_BYTES + size - pending);
            if chunk.room() >= missing || (chunk.room() > 0 && self.taken == 0) {
                return Ok(());
            }
        }
        let capacity = Chunk::capacity_for(self.capacity_for(announced, pending));
        let mut larger = match capacity {
            0..=UNBUDGETED_BYTES_MAX => Chunk::new(capacity),
            _ => Chunk::guarded(capacity, Box::new(self.reserve(capacity, settled).await)),
        };
        if let Some(old) = self.chunk.take() {
            larger.append(&old.slice(self.taken..old.filled()));
        }
        self.taken = 0;
        self.chunk = Some(larger);
        self.reserved_bytes = if capacity > UNBUDGETED_BYTES_MAX {
            capacity
        } else {
            0
        };
        Ok(())
    }

    async fn reserve<F>(&self, capacity: usize, settled: impl FnOnce() -> F) -> Reservation
    where
        F: Future<Output = ()>,
    {
        if let Some(reservation) = self.budget.try_reserve_frame(capacity) {
            return reservation;
        }
        settled().await;
        // Slices that outlive their requests keep the memory; then it is not this one's.
        let is_own = self.chunk.as_ref().is_some_and(Chunk::is_unshared);
        let held_bytes = if is_own { self.reserved_bytes } else { 0 };
        self.budget.reserve_frame(capacity, held_bytes).await
    }

    /// How large the next buffer is to be.
    fn capacity_for(&self, announced: Option<usize>, pending: usize) -> usize {
        if self.reserved_bytes > LARGE_FRAME_BYTES_MIN && pending < BUFFER_BYTES_MIN {
            // The rest of a large frame's last block: the large buffer is needed by others,
            // and must not be kept while this one waits for a small one.
            return BUFFER_BYTES_MIN;
        }
        let learned = if self.budget.are_frames_tight() {
            self.next_buffer_bytes.min(GROWTH_BYTES_MIN)
        } else {
            self.next_buffer_bytes
        };
        let earned = learned.max(pending + 1);
        match announced.map(|size| LENGTH_BYTES + size) {
            Some(whole) if whole > LARGE_FRAME_BYTES_MIN => {
                if pending >= GROWTH_BYTES_MIN {
                    whole
                } else {
                    earned.max(GROWTH_BYTES_MIN)
                }
            }
            Some(whole) if whole > earned => {
                whole.min(earned.max(GROWTH_BYTES_MIN).max(pending * 4))
            }
            _ => earned,
        }
    }

    /// Waits for more bytes, into the room that [`Self::make_room`] made; how many have come, 0
    /// when the peer has closed the connection.
    pub async fn receive(&mut self) -> Result<usize, FrameError> {
        let Some(chunk) = self.chunk.take() else {
            unreachable!("room was made");
        };
        let (received, chunk) = self.socket.recv_chunk(chunk).await;
        let is_full = chunk.room() == 0;
        self.chunk = Some(chunk);
        let received = received?;
        if is_full {
            self.learn(self.next_buffer_bytes * 2);
        }
        Ok(received)
    }

    fn is_buffer_small(&self) -> bool {
        self.chunk
            .as_ref()
            .is_some_and(|chunk| chunk.capacity() <= UNBUDGETED_BYTES_MAX)
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
