//! Length-prefixed frames out of a socket. The buffer is used again once nobody holds a slice of
//! it: a fresh large allocation would cost more than the receive.

use bytes::Bytes;
use naru_runtime::{Chunk, Socket};

const BUFFER_BYTES_MIN: usize = 64 << 10;
const LENGTH_BYTES: usize = 4;

/// Buffers that are kept for when their readers are done.
const SPARE_COUNT_MAX: usize = 4;

pub(super) struct Frames {
    socket: Socket,
    /// `None` only while it is received into.
    chunk: Option<Chunk>,
    /// Where the first byte is that no frame has taken.
    taken: usize,
    spare: Vec<Chunk>,
}

impl Frames {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            chunk: None,
            taken: 0,
            spare: Vec::new(),
        }
    }

    /// The next frame, without its length: a slice of the buffer.
    pub(super) async fn next(&mut self) -> Result<Bytes, String> {
        loop {
            let mut missing = LENGTH_BYTES;
            if let Some(chunk) = &self.chunk {
                let pending = chunk.filled() - self.taken;
                missing = LENGTH_BYTES.saturating_sub(pending);
                if missing == 0 {
                    let prefix = chunk.slice(self.taken..self.taken + LENGTH_BYTES);
                    let announced =
                        i32::from_be_bytes([prefix[0], prefix[1], prefix[2], prefix[3]]);
                    let whole = usize::try_from(announced)
                        .map_err(|_| format!("an answer announces {announced} bytes"))?
                        + LENGTH_BYTES;
                    missing = whole.saturating_sub(pending);
                    if missing == 0 {
                        let frame = chunk.slice(self.taken + LENGTH_BYTES..self.taken + whole);
                        self.taken += whole;
                        return Ok(frame);
                    }
                }
            }
            let chunk = self.chunk_with_room(missing);
            let (received, chunk) = self.socket.recv_chunk(chunk).await;
            self.chunk = Some(chunk);
            match received {
                Ok(0) => return Err("the broker closed it".into()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    /// The buffer, or another one with what is pending at its front, with room for `missing` more
    /// bytes.
    fn chunk_with_room(&mut self, missing: usize) -> Chunk {
        let mut pending = Bytes::new();
        if let Some(mut chunk) = self.chunk.take() {
            if chunk.filled() == self.taken && chunk.clear() {
                self.taken = 0;
            }
            if chunk.room() >= missing {
                return chunk;
            }
            pending = chunk.slice(self.taken..chunk.filled());
            self.spare.push(chunk);
        }
        self.taken = 0;
        let capacity = (pending.len() + missing).max(BUFFER_BYTES_MIN);
        let found = (0..self.spare.len())
            .find(|&index| self.spare[index].capacity() >= capacity && self.spare[index].clear());
        let mut chunk = match found {
            Some(index) => self.spare.swap_remove(index),
            None => Chunk::new(capacity),
        };
        if self.spare.len() > SPARE_COUNT_MAX {
            self.spare.remove(0);
        }
        chunk.append(&pending);
        chunk
    }
}
