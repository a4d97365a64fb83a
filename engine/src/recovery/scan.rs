//! Reading a segment batch by batch, each checked against its checksum and its place.

use std::io;

use bytes::Bytes;
use naru_record_batch::{BatchHeader, HEADER_BYTES, crc_is_valid};

use naru_runtime::{BLOCK_BYTES, File};

/// Bytes read at a time.
const WINDOW_BYTES: u64 = 1 << 20;

/// Where a scan ended, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanEnd {
    /// After the last good batch, in bytes.
    pub position: u64,
    /// The offset after the last good batch.
    pub next_offset: i64,
    /// There were bytes that are no good batch, other than zeros to the end.
    pub is_torn: bool,
}

/// Reads `file` of `length` bytes from `position` on, where `next_offset` is expected or a
/// larger one; tells `each` batch, its header and its position, until one is not good.
///
/// # Errors
/// When it cannot be read, or is shorter than it is said to be.
pub(crate) async fn scan<F: File>(
    file: &F,
    length: u64,
    position: u64,
    next_offset: i64,
    mut each: impl FnMut(&BatchHeader, u64, &[u8]),
) -> io::Result<ScanEnd> {
    let mut window = Window::new(file.clone(), length);
    let mut end = ScanEnd {
        position,
        next_offset,
        is_torn: false,
    };
    loop {
        let head = window.bytes(end.position, HEADER_BYTES as u64).await?;
        let Ok(header) = BatchHeader::parse(&head) else {
            end.is_torn = !is_zero_to_end(&mut window, end.position).await?;
            return Ok(end);
        };
        let size = header.size_bytes() as u64;
        let fits = size <= length - end.position;
        let is_next = header.base_offset >= end.next_offset && header.last_offset_delta >= 0;
        let batch = match fits && is_next {
            true => window.bytes(end.position, size).await?,
            false => Bytes::new(),
        };
        if !crc_is_valid(&batch) {
            end.is_torn = true;
            return Ok(end);
        }
        each(&header, end.position, &batch);
        end.position += size;
        end.next_offset = header.next_offset();
    }
}

async fn is_zero_to_end<F: File>(window: &mut Window<F>, from: u64) -> io::Result<bool> {
    let mut at = from;
    while at < window.length {
        let bytes = window
            .bytes(at, WINDOW_BYTES.min(window.length - at))
            .await?;
        if bytes.is_empty() {
            let length = window.length;
            let what = format!("a file of {length} bytes ends at byte {at}");
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        }
        if bytes.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        at += bytes.len() as u64;
    }
    Ok(true)
}

/// The part of a file that was read last.
pub(crate) struct Window<F> {
    file: F,
    length: u64,
    start: u64,
    bytes: Bytes,
}

impl<F: File> Window<F> {
    pub fn new(file: F, length: u64) -> Self {
        Self {
            file,
            length,
            start: 0,
            bytes: Bytes::new(),
        }
    }

    /// Up to `length` bytes from `position` on; fewer at the end of the file.
    pub async fn bytes(&mut self, position: u64, length: u64) -> io::Result<Bytes> {
        let end = (position + length).min(self.length);
        if position >= end {
            return Ok(Bytes::new());
        }
        let block = BLOCK_BYTES as u64;
        if position < self.start || end > self.start + self.bytes.len() as u64 {
            self.start = position / block * block;
            let wanted = (end - self.start).max(WINDOW_BYTES).next_multiple_of(block);
            self.bytes = self.file.read_at(self.start, wanted as usize).await?;
        }
        let from = ((position - self.start) as usize).min(self.bytes.len());
        let to = ((end - self.start) as usize).min(self.bytes.len());
        Ok(self.bytes.slice(from..to))
    }
}
