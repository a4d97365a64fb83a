//! Socket operations on the ring.
#![allow(unsafe_code)]

use std::io;
use std::net::SocketAddr;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use bytes::Bytes;
use io_uring::{opcode, types};
use nix::sys::socket::{SockaddrLike, SockaddrStorage};

use super::super::buffer::{Aligned, Chunk};
use super::driver::Ring;
use super::op::Op;
use super::pieces::Pieces;

/// One receive or send moves at most this much; the kernel's lengths are 32 bits wide.
const TRANSFER_BYTES_MAX: usize = 1 << 30;

// WAITALL lets the kernel continue a short send by itself: one completion for all of it.
const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL | libc::MSG_WAITALL;

impl Ring {
    /// Waits for a connection.
    pub(in super::super) async fn accept(&self, listener: RawFd) -> io::Result<OwnedFd> {
        let entry = opcode::Accept::new(
            types::Fd(listener),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        )
        .flags(libc::SOCK_CLOEXEC)
        .build();
        // SAFETY: without an address the entry points to nothing.
        let (result, ()) = unsafe { Op::new_fd(self, entry, ()) }.await;
        let descriptor = result?;
        // SAFETY: the kernel made this descriptor for us alone.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) })
    }

    pub(in super::super) async fn connect(&self, socket: RawFd, to: SocketAddr) -> io::Result<()> {
        let address = Box::new(SockaddrStorage::from(to));
        let entry =
            opcode::Connect::new(types::Fd(socket), address.as_ptr(), address.len()).build();
        // SAFETY: the address is boxed and owned by the operation.
        let (result, _) = unsafe { Op::new(self, entry, address) }.await;
        result.map(drop)
    }

    /// Waits until `events` of poll(2) hold, or the connection has failed or ended.
    pub(in super::super) async fn poll_fd(&self, socket: RawFd, events: i16) -> io::Result<()> {
        let entry = opcode::PollAdd::new(types::Fd(socket), events as u16 as u32).build();
        // SAFETY: a poll points to nothing.
        let (result, ()) = unsafe { Op::new(self, entry, ()) }.await;
        result.map(drop)
    }

    /// Receives into `buffer[from..capacity]`.
    pub(in super::super) async fn recv(
        &self,
        socket: RawFd,
        mut buffer: Aligned,
        from: usize,
    ) -> (io::Result<usize>, Aligned) {
        let room = buffer
            .capacity()
            .saturating_sub(from)
            .min(TRANSFER_BYTES_MAX);
        if room == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "a full receive buffer");
            return (Err(error), buffer);
        }
        // SAFETY: `from` is within the allocation, as `room` is not zero.
        let start = unsafe { buffer.as_mut_ptr().add(from) };
        let entry = opcode::Recv::new(types::Fd(socket), start, room as u32).build();
        // SAFETY: the operation owns the buffer, whose memory is on the heap.
        let (result, mut buffer) = unsafe { Op::new(self, entry, buffer) }.await;
        let result = result.map(|count| count as usize);
        if let Ok(count) = result {
            buffer.set_length(from + count);
        }
        (result, buffer)
    }

    /// Receives into a chunk, after what is filled.
    pub(in super::super) async fn recv_chunk(
        &self,
        socket: RawFd,
        mut chunk: Chunk,
    ) -> (io::Result<usize>, Chunk) {
        let room = chunk.room().min(TRANSFER_BYTES_MAX);
        if room == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "a full receive buffer");
            return (Err(error), chunk);
        }
        let entry = opcode::Recv::new(types::Fd(socket), chunk.room_mut_ptr(), room as u32).build();
        // SAFETY: the operation owns the chunk, whose memory is on the heap; readers have
        // only what was filled before, which the kernel does not touch.
        let (result, mut chunk) = unsafe { Op::new(self, entry, chunk) }.await;
        let result = result.map(|count| count as usize);
        if let Ok(count) = result {
            chunk.add_filled(count);
        }
        (result, chunk)
    }

    /// Sends all pieces, one after the other.
    pub(in super::super) async fn send_all(
        &self,
        socket: RawFd,
        pieces: Vec<Bytes>,
    ) -> io::Result<()> {
        let mut pieces = Pieces::new(pieces);
        while pieces.left() > 0 {
            // A lone piece spares the kernel the import of a message header.
            let entry = match pieces.single() {
                Some(rest) => {
                    let length = rest.len().min(TRANSFER_BYTES_MAX) as u32;
                    opcode::Send::new(types::Fd(socket), rest.as_ptr(), length)
                        .flags(SEND_FLAGS)
                        .build()
                }
                None => opcode::SendMsg::new(types::Fd(socket), pieces.header())
                    .flags(SEND_FLAGS as u32)
                    .build(),
            };
            // SAFETY: the operation owns the pieces; header and vectors are on the heap.
            let (result, back) = unsafe { Op::new(self, entry, pieces) }.await;
            pieces = back;
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => pieces.advance(count as usize),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
