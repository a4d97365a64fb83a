//! File operations on the ring.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::future::Future;
use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use bytes::Bytes;
use io_uring::{opcode, types};

use super::super::buffer::Aligned;
use super::driver::Ring;
use super::op::Op;
use super::pieces::Pieces;

/// One read moves at most this much; the kernel stops a page short of 2 GiB.
const READ_BYTES_MAX: usize = 1 << 30;

/// The smallest unit that any device addresses.
const SECTOR_BYTES: usize = 512;

/// How often an operation that reports `EAGAIN` or `EINTR` is tried again.
const RETRIES_MAX: u32 = 64;

const HERE: types::Fd = types::Fd(libc::AT_FDCWD);

/// The mode of new files and directories, before the umask.
const FILE_MODE: libc::mode_t = 0o640;
const DIRECTORY_MODE: libc::mode_t = 0o750;

/// When a write is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Durability {
    /// With a later flush.
    Later,
    /// When it completes: one operation, and no worker thread, instead of a write and a flush.
    WithTheWrite,
}

/// What the ring does with files. All of it may take as long as the device does; none of
/// it blocks the thread.
pub(in super::super) trait FileOps {
    fn open(&self, path: &Path, flags: i32) -> impl Future<Output = io::Result<OwnedFd>>;
    fn write_all(
        &self,
        file: RawFd,
        position: u64,
        data: Vec<Bytes>,
        durability: Durability,
    ) -> impl Future<Output = io::Result<()>>;
    /// Reads into `buffer`, whose length says how much; fewer bytes only at the end.
    fn read(
        &self,
        file: RawFd,
        is_direct: bool,
        position: u64,
        buffer: Aligned,
    ) -> impl Future<Output = io::Result<Aligned>>;
    fn sync(&self, file: RawFd, data_only: bool) -> impl Future<Output = io::Result<()>>;
    fn allocate(
        &self,
        file: RawFd,
        position: u64,
        length: u64,
    ) -> impl Future<Output = io::Result<()>>;
    fn truncate(&self, file: RawFd, length: u64) -> impl Future<Output = io::Result<()>>;
    fn rename(&self, from: &Path, to: &Path) -> impl Future<Output = io::Result<()>>;
    fn unlink(&self, path: &Path) -> impl Future<Output = io::Result<()>>;
    fn make_dir(&self, path: &Path) -> impl Future<Output = io::Result<()>>;
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a path with a zero byte"))
}

/// Says whether to try again, at most [`RETRIES_MAX`] times in a row.
#[derive(Default)]
struct Retries(u32);

impl Retries {
    fn allows(&mut self, error: &io::Error) -> bool {
        self.0 += 1;
        let again = matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN));
        again && self.0 <= RETRIES_MAX
    }

    fn progress(&mut self) {
        self.0 = 0;
    }
}

impl Ring {
    /// Runs an operation that points to nothing.
    async fn plain(&self, make: impl Fn() -> io_uring::squeue::Entry) -> io::Result<()> {
        let mut retries = Retries::default();
        loop {
            // SAFETY: every caller in this file passes entries without pointers.
            let (result, ()) = unsafe { Op::new(self, make(), ()) }.await;
            match result {
                Err(error) if retries.allows(&error) => {}
                result => return result.map(drop),
            }
        }
    }
}

impl FileOps for Ring {
    async fn open(&self, path: &Path, flags: i32) -> io::Result<OwnedFd> {
        let mut path = c_path(path)?;
        let mut retries = Retries::default();
        loop {
            let entry = opcode::OpenAt::new(HERE, path.as_ptr())
                .flags(flags | libc::O_CLOEXEC)
                .mode(FILE_MODE)
                .build();
            // SAFETY: the operation owns the path, whose bytes lie on the heap.
            let (result, back) = unsafe { Op::new_fd(self, entry, path) }.await;
            match result {
                // SAFETY: the kernel made this descriptor for us alone.
                Ok(file) => return Ok(unsafe { OwnedFd::from_raw_fd(file as RawFd) }),
                Err(error) if retries.allows(&error) => path = back,
                Err(error) => return Err(error),
            }
        }
    }

    async fn write_all(
        &self,
        file: RawFd,
        position: u64,
        data: Vec<Bytes>,
        durability: Durability,
    ) -> io::Result<()> {
        let flags = match durability {
            Durability::Later => 0,
            Durability::WithTheWrite => libc::RWF_DSYNC,
        };
        let mut pieces = Pieces::new(data);
        let mut position = position;
        let mut retries = Retries::default();
        while pieces.left() > 0 {
            let entry = match pieces.single() {
                Some(rest) => {
                    let length = rest.len().min(READ_BYTES_MAX) as u32;
                    opcode::Write::new(types::Fd(file), rest.as_ptr(), length)
                        .offset(position)
                        .rw_flags(flags)
                        .build()
                }
                None => {
                    let vectors = pieces.vectors();
                    opcode::Writev::new(types::Fd(file), vectors.as_ptr(), vectors.len() as u32)
                        .offset(position)
                        .rw_flags(flags)
                        .build()
                }
            };
            // SAFETY: the operation owns the pieces; their vectors are on the heap.
            let (result, back) = unsafe { Op::new(self, entry, pieces) }.await;
            pieces = back;
            match result {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    pieces.advance(count as usize);
                    position += u64::from(count);
                    retries.progress();
                }
                // As a flush, a write that was to be durable is never tried again.
                Err(error) if flags == 0 && retries.allows(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn read(
        &self,
        file: RawFd,
        is_direct: bool,
        position: u64,
        buffer: Aligned,
    ) -> io::Result<Aligned> {
        let mut buffer = buffer;
        let wanted = buffer.len();
        let mut done = 0;
        let mut retries = Retries::default();
        while done < wanted {
            let length = (wanted - done).min(READ_BYTES_MAX) as u32;
            // SAFETY: `done` is below the length.
            let start = unsafe { buffer.as_mut_ptr().add(done) };
            let entry = opcode::Read::new(types::Fd(file), start, length)
                .offset(position + done as u64)
                .build();
            // SAFETY: the operation owns the buffer, whose memory is on the heap.
            let (result, back) = unsafe { Op::new(self, entry, buffer) }.await;
            buffer = back;
            match result {
                Ok(0) => break,
                Ok(count) => {
                    done += count as usize;
                    retries.progress();
                    // Direct I/O stops inside a block only at the end of the file, and
                    // could not continue from there.
                    if is_direct && done % SECTOR_BYTES != 0 {
                        break;
                    }
                }
                Err(error) if retries.allows(&error) => {}
                Err(error) => return Err(error),
            }
        }
        buffer.set_length(done);
        Ok(buffer)
    }

    async fn sync(&self, file: RawFd, data_only: bool) -> io::Result<()> {
        let flags = if data_only {
            types::FsyncFlags::DATASYNC
        } else {
            types::FsyncFlags::empty()
        };
        // Never tried again: after a failed flush a second one succeeds over lost data.
        let entry = opcode::Fsync::new(types::Fd(file)).flags(flags).build();
        // SAFETY: a flush points to nothing.
        let (result, ()) = unsafe { Op::new(self, entry, ()) }.await;
        result.map(drop)
    }

    async fn allocate(&self, file: RawFd, position: u64, length: u64) -> io::Result<()> {
        self.plain(|| {
            opcode::Fallocate::new(types::Fd(file), length)
                .offset(position)
                .build()
        })
        .await
    }

    async fn truncate(&self, file: RawFd, length: u64) -> io::Result<()> {
        self.plain(|| opcode::Ftruncate::new(types::Fd(file), length).build())
            .await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (c_path(from)?, c_path(to)?);
        let entry = opcode::RenameAt::new(HERE, from.as_ptr(), HERE, to.as_ptr()).build();
        // SAFETY: the operation owns both paths, whose bytes lie on the heap.
        let (result, _) = unsafe { Op::new(self, entry, (from, to)) }.await;
        result.map(drop)
    }

    async fn unlink(&self, path: &Path) -> io::Result<()> {
        let path = c_path(path)?;
        let entry = opcode::UnlinkAt::new(HERE, path.as_ptr()).build();
        // SAFETY: the operation owns the path, whose bytes lie on the heap.
        let (result, _) = unsafe { Op::new(self, entry, path) }.await;
        result.map(drop)
    }

    async fn make_dir(&self, path: &Path) -> io::Result<()> {
        let path = c_path(path)?;
        let entry = opcode::MkDirAt::new(HERE, path.as_ptr())
            .mode(DIRECTORY_MODE)
            .build();
        // SAFETY: the operation owns the path, whose bytes lie on the heap.
        let (result, _) = unsafe { Op::new(self, entry, path) }.await;
        result.map(drop)
    }
}
