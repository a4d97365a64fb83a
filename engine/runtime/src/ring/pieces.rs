//! What is left of a vectored write or send.
#![allow(unsafe_code)]

use bytes::Bytes;

/// The kernel takes at most this many pieces at once (`UIO_MAXIOV`).
const VECTORS_MAX: usize = 1024;

/// Pieces that go out one after the other. Boxed by its users, so that the header and the
/// vector of slices have addresses that the kernel can keep.
pub(super) struct Pieces {
    pieces: Vec<Bytes>,
    first: usize,
    /// Bytes of the first piece that are done.
    offset: usize,
    left: usize,
    vectors: Vec<libc::iovec>,
    header: libc::msghdr,
}

impl Pieces {
    pub(super) fn new(pieces: Vec<Bytes>) -> Box<Self> {
        let left = pieces.iter().map(Bytes::len).sum();
        let mut pieces = Box::new(Self {
            pieces,
            first: 0,
            offset: 0,
            left,
            vectors: Vec::new(),
            // SAFETY: a message header of zeros is one without address, pieces and control
            // data.
            header: unsafe { std::mem::zeroed() },
        });
        pieces.advance(0);
        pieces
    }

    /// Bytes that are not done.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The rest, if it is one piece.
    pub(super) fn single(&self) -> Option<&[u8]> {
        let first = self.pieces.get(self.first)?.get(self.offset..)?;
        (first.len() == self.left).then_some(first)
    }

    /// Notes that `count` more bytes are done.
    pub(super) fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.left);
        self.left -= count;
        self.offset += count;
        while let Some(piece) = self.pieces.get(self.first) {
            if self.offset < piece.len() {
                break;
            }
            self.offset -= piece.len();
            self.first += 1;
        }
    }

    /// The next slices for the kernel; valid until the next call.
    pub(super) fn vectors(&mut self) -> &[libc::iovec] {
        self.vectors.clear();
        let mut offset = self.offset;
        for piece in self.pieces.iter().skip(self.first).take(VECTORS_MAX) {
            let rest = &piece[offset..];
            self.vectors.push(libc::iovec {
                iov_base: rest.as_ptr().cast_mut().cast(),
                iov_len: rest.len(),
            });
            offset = 0;
        }
        &self.vectors
    }

    /// The next slices as a message; valid until the next call, while boxed.
    pub(super) fn header(&mut self) -> *const libc::msghdr {
        self.vectors();
        self.header.msg_iov = self.vectors.as_mut_ptr();
        self.header.msg_iovlen = self.vectors.len();
        &self.header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_continues_inside_a_piece() {
        let parts = ["ab", "", "cde", "f"].map(|part| Bytes::from_static(part.as_bytes()));
        let mut pieces = Pieces::new(parts.to_vec());
        assert_eq!(pieces.left(), 6);
        assert!(pieces.single().is_none());
        pieces.advance(3);
        let lengths: Vec<usize> = pieces.vectors().iter().map(|v| v.iov_len).collect();
        assert_eq!(lengths, [2, 1]);
        pieces.advance(2);
        assert_eq!(pieces.single(), Some(&b"f"[..]));
        pieces.advance(1);
        assert_eq!(pieces.left(), 0);
        assert!(pieces.vectors().is_empty());
    }

    #[test]
    fn no_more_slices_than_the_kernel_takes() {
        let mut pieces = Pieces::new(vec![Bytes::from_static(b"x"); 3000]);
        assert_eq!(pieces.vectors().len(), VECTORS_MAX);
        pieces.advance(2500);
        assert_eq!(pieces.vectors().len(), 500);
    }
}
